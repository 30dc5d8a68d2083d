/** Takes services of a project away. */
import { type ControlClient, ObjectKind } from '../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../cli.ts';
import { ask } from '../connection.ts';
import { serviceName } from '../format/rows/service-row.ts';
import { tasksOfStack, waitUntilContainersGone } from '../rollout/containers-gone.ts';
import { waitUntilGone } from '../rollout/wait-gone.ts';
import type { Progress } from '../terminal/progress.ts';
import type { ProjectService } from './project-state.ts';

/**
 * Resolves when their containers have gone. Those that depend on others of them end before them, whatever becomes of who
 * waits. `timeoutMs`: as for ServiceRemove.
 */
export async function removeServices(
  cli: Cli,
  control: ControlClient,
  project: string,
  services: readonly ProjectService[],
  { timeoutMs, progress }: { readonly timeoutMs: number | undefined; readonly progress: Progress },
): Promise<void> {
  const ids = new Set(services.map(({ service }) => service.id));
  if (ids.size === 0) return;
  const tasks = await tasksOfStack(control, project);
  await ask(control, control.serviceRemove, { references: [...ids], timeoutMs });
  const removed = services.map(({ service }) => ({
    kind: ObjectKind.SERVICE,
    id: service.id,
    name: serviceName(service),
  }));
  await waitUntilGone(control, project, removed, progress);
  await waitUntilContainersGone(
    cli,
    control,
    tasks.filter(({ serviceId }) => ids.has(serviceId)),
  );
}
