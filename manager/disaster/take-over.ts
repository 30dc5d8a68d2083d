/** The state of a cluster that has lost its other managers, as the one that goes on needs it. */
import { NodeAvailability, NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import { nodeType } from '../store/node.ts';
import { theCluster } from '../store/the-cluster.ts';
import type { WriteTransaction } from '../store/transaction.ts';

/**
 * Makes `nodeId` the only manager of the cluster's next incarnation; see incarnation.ts. The others stay in the cluster as
 * workers: what they ran goes on, or is replaced when they don't come back.
 */
export function takeOver(tx: WriteTransaction, nodeId: string): void {
  const cluster = theCluster(tx);
  tx.update('cluster', { ...cluster, incarnation: cluster.incarnation + 1 });
  for (const node of tx.find('node', { by: 'all' })) {
    const role = node.id === nodeId ? NodeRole.MANAGER : NodeRole.WORKER;
    if (node.spec.role !== role) tx.update('node', { ...node, spec: { ...node.spec, role } });
  }
  if (tx.get('node', nodeId) === undefined) tx.create('node', newManager(nodeId));
}

function newManager(id: string) {
  return nodeType.complete({
    id,
    meta: undefined,
    spec: { annotations: undefined, role: NodeRole.MANAGER, availability: NodeAvailability.ACTIVE },
    description: undefined,
    status: undefined,
    joinedKey: Buffer.alloc(0),
  });
}
