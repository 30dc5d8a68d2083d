/** Starts services of a project that were stopped or have ended, and waits until they have. */
import type { ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../cli.ts';
import { ask } from '../connection.ts';
import { createProgress } from '../terminal/progress.ts';
import type { ProjectService } from './project-state.ts';
import { type BackgroundOptions, stateBefore } from './run.ts';
import { waitUntilStarted } from './wait-started.ts';

export async function startServices(
  cli: Cli,
  control: ControlClient,
  project: string,
  services: readonly ProjectService[],
  { wait = false, waitTimeout }: BackgroundOptions,
): Promise<void> {
  if (services.length === 0) return;
  const earlier = await stateBefore(control, project);
  const ids = services.map(({ service }) => service.id);
  await ask(control, control.serviceStart, { references: ids });
  await waitUntilStarted(cli, control, {
    project,
    services: new Set(ids),
    goal: wait ? 'healthy' : 'started',
    earlier,
    timeoutMs: waitTimeout,
    progress: createProgress(cli.stderr, false),
    signal: new AbortController().signal,
  });
}
