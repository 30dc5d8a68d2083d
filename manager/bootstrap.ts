/** The first objects of a cluster, made by the manager that first leads it. */
import { NodeAvailability, NodeRole, PlacementStrategy } from '../proto/generated/gantry/v1/types.ts';
import { newObjectId, type RandomBytes } from '../proto/ids.ts';
import { newJoinTokens } from '../proto/join-token.ts';
import { clusterType, DEFAULT_TASK_HISTORY_LIMIT, FIRST_INCARNATION } from './store/cluster.ts';
import { nodeType } from './store/node.ts';
import { STATE_FORMAT } from './store/state-format.ts';
import type { Store } from './store/store.ts';
import type { WriteTransaction } from './store/transaction.ts';

/** Idempotent. Also gives a cluster of an older version the authority that it doesn't have yet. */
export async function bootstrap(store: Store, nodeId: string, random: RandomBytes, nowMs: number): Promise<void> {
  const [cluster] = store.view((read) => read.find('cluster', { by: 'all' }));
  if (cluster?.rootCa !== undefined) return;
  const { newRootCa } = await import('./ca/roots.ts');
  const clusterId = cluster?.id ?? newObjectId(random);
  const rootCa = await newRootCa(clusterId, nowMs);
  await store.update((tx) => {
    if (tx.find('cluster', { by: 'all' }).length === 0) createFirstObjects(tx, clusterId, nodeId);
    const found = tx.get('cluster', clusterId);
    if (found === undefined || found.rootCa !== undefined) return;
    tx.update('cluster', { ...found, rootCa, joinTokens: newJoinTokens(rootCa.certificate, random) });
  });
}

function createFirstObjects(tx: WriteTransaction, clusterId: string, nodeId: string): void {
  tx.create(
    'cluster',
    clusterType.complete({
      id: clusterId,
      meta: undefined,
      spec: {
        annotations: { name: 'default', labels: {} },
        taskHistoryLimit: DEFAULT_TASK_HISTORY_LIMIT,
        nodeCertExpiryMs: 0,
        strategy: PlacementStrategy.UNSPECIFIED,
      },
      rootCa: undefined,
      joinTokens: undefined,
      removedNodes: [],
      managerLock: undefined,
      stateFormat: STATE_FORMAT,
      incarnation: FIRST_INCARNATION,
      caRotation: undefined,
      certificatesUntilMs: 0,
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
      joinedKey: Buffer.alloc(0),
    }),
  );
}
