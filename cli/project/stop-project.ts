/** Stops services of a project, and starts them again. */
import { type ControlClient, ObjectKind } from '../../proto/generated/gantry/v1/control.ts';
import { watchCluster } from '../cluster-watch.ts';
import { ask } from '../connection.ts';
import { ClusterView } from '../rollout/cluster-view.ts';
import { hasEnded, type ProjectService } from './project-state.ts';

/** Resolves when their containers have ended. `timeoutMs`: as for ServiceStop. */
export async function stopServices(
  control: ControlClient,
  project: string,
  services: readonly ProjectService[],
  timeoutMs: number | undefined,
): Promise<void> {
  const ids = new Set(services.map(({ service }) => service.id));
  if (ids.size === 0) return;
  await ask(control, control.serviceStop, { references: [...ids], timeoutMs });
  const over = new AbortController();
  const view = new ClusterView([]);
  let synced = false;
  try {
    for await (const event of watchCluster(
      control,
      { kinds: [ObjectKind.TASK], stack: project },
      { signal: over.signal },
    )) {
      if (event.reset) synced = false;
      view.apply(event);
      synced ||= event.synced;
      const isOver = [...view.tasks.values()].every((task) => !ids.has(task.serviceId) || hasEnded(task));
      if (synced && isOver) return;
    }
  } finally {
    over.abort();
  }
}
