/** What the store says of callers. A manager that is behind knows a removal a moment later than the leader. */
import type { KnownNodes } from './service.ts';
import type { Store } from './store/store.ts';

export function knownNodes(store: Store): KnownNodes {
  const cluster = () => store.view((read) => read.find('cluster', { by: 'all' }))[0];
  return {
    clusterId: () => cluster()?.id,
    isRemoved: (nodeId) => cluster()?.removedNodes.some((removed) => removed.nodeId === nodeId) ?? false,
  };
}
