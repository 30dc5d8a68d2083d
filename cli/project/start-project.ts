/** Starts services of a project that were stopped or have ended, or restarts them, and waits until they have started. */
import type { ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../cli.ts';
import { ask } from '../connection.ts';
import { type ProgressMode, progressIn } from '../terminal/progress.ts';
import type { ProjectService } from './project-state.ts';
import { type BackgroundOptions, type Before, stateBefore } from './run.ts';
import { waitUntilStarted } from './wait-started.ts';

export async function startServices(
  cli: Cli,
  control: ControlClient,
  project: string,
  services: readonly ProjectService[],
  options: BackgroundOptions,
): Promise<void> {
  if (services.length === 0) return;
  const earlier = await stateBefore(control, project);
  const ids = services.map(({ service }) => service.id);
  await ask(control, control.serviceStart, { references: ids, notAwaited: [] });
  await waitFor(cli, control, { project, ids, earlier }, options);
}

export interface RestartOptions {
  /** As for ServiceRestart. */
  readonly timeoutMs: number | undefined;
  readonly withDependents: boolean;
  readonly progress: ProgressMode;
}

export async function restartServices(
  cli: Cli,
  control: ControlClient,
  project: string,
  services: readonly ProjectService[],
  { timeoutMs, withDependents, progress }: RestartOptions,
): Promise<void> {
  if (services.length === 0) return;
  const earlier = await stateBefore(control, project);
  const references = services.map(({ service }) => service.id);
  const { restarted } = await ask(control, control.serviceRestart, { references, timeoutMs, withDependents });
  await waitFor(cli, control, { project, ids: restarted, earlier }, { progress });
}

interface Awaited {
  readonly project: string;
  readonly ids: readonly string[];
  readonly earlier: Before;
}

async function waitFor(
  cli: Cli,
  control: ControlClient,
  { project, ids, earlier }: Awaited,
  { wait = false, waitTimeout, progress }: BackgroundOptions,
): Promise<void> {
  await waitUntilStarted(cli, control, {
    project,
    services: new Set(ids),
    goal: wait ? 'healthy' : 'started',
    earlier,
    timeoutMs: waitTimeout,
    progress: progressIn(cli.stderr, progress),
    signal: new AbortController().signal,
  });
}
