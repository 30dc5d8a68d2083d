/** What this manager knows of callers. One that is behind knows a removal a moment later than the leader. */
import { ownPeer } from '../proto/tls.ts';
import type { LiveIdentity } from './identity.ts';
import type { KnownNodes } from './service.ts';
import type { Store } from './store/store.ts';

export function knownNodes(store: Store, identity: LiveIdentity): KnownNodes {
  const cluster = () => store.view((read) => read.find('cluster', { by: 'all' }))[0];
  return {
    // A manager that has just joined has no state yet, and gets it only from a manager that it lets in.
    clusterId: () => cluster()?.id ?? (identity.current && ownPeer(identity.current).clusterId),
    isRemoved: (nodeId) => cluster()?.removedNodes.some((removed) => removed.nodeId === nodeId) ?? false,
  };
}
