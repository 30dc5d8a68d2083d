/** The first objects of a cluster, made by the manager that first leads it. */
import { NodeAvailability, NodeRole } from '../proto/generated/gantry/v1/types.ts';
import { newObjectId, type RandomBytes } from '../proto/ids.ts';
import { clusterType, DEFAULT_TASK_HISTORY_LIMIT } from './store/cluster.ts';
import { nodeType } from './store/node.ts';
import type { Store } from './store/store.ts';

/** Idempotent. */
export function bootstrap(store: Store, nodeId: string, random: RandomBytes): Promise<void> {
  return store.update((tx) => {
    if (tx.find('cluster', { by: 'all' }).length > 0) return;
    tx.create(
      'cluster',
      clusterType.complete({
        id: newObjectId(random),
        meta: undefined,
        spec: { annotations: { name: 'default', labels: {} }, taskHistoryLimit: DEFAULT_TASK_HISTORY_LIMIT },
        managerLock: undefined,
      }),
    );
    tx.create(
      'node',
      nodeType.complete({
        id: nodeId,
        meta: undefined,
        spec: { annotations: undefined, role: NodeRole.MANAGER, availability: NodeAvailability.ACTIVE },
        description: undefined,
        status: undefined,
      }),
    );
  });
}
