/** ClusterUpdate, ClusterUnlockKey. */
import { GantryError } from '../../proto/errors.ts';
import type {
  ClusterUnlockKeyRequest,
  ClusterUnlockKeyResponse,
  ClusterUpdateRequest,
  ClusterUpdateResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import { type ManagerLock, PlacementStrategy } from '../../proto/generated/gantry/v1/types.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import { formatUnlockKey, newUnlockKey } from '../encryption/unlock-key.ts';
import { FORMAT_OF_CLUSTER_STRATEGY } from '../store/state-format.ts';
import { theCluster } from '../store/the-cluster.ts';
import { withCertExpiry } from './cert-expiry.ts';
import type { ApiContext } from './context.ts';
import { notKnownToAll } from './known-format.ts';

/** UNSUPPORTED: autolock for a log that is in etcd. INVALID_ARGUMENT: a life of certificates that can't be. */
export async function clusterUpdate(
  { store, random, hasKeys, clock }: ApiContext,
  { autolock, taskHistoryLimit, nodeCertExpiryMs, strategy }: ClusterUpdateRequest,
): Promise<ClusterUpdateResponse> {
  if (autolock === true && !hasKeys) {
    throw new GantryError(
      'UNSUPPORTED',
      'autolock is not for a cluster whose log is in etcd: its managers keep nothing that could be locked',
      {
        hint: 'encrypt the disks of etcd, and reach it by etcds://',
      },
    );
  }
  const { before, after } = await store.update((tx) => {
    const cluster = theCluster(tx);
    const managerLock = withAutolock(cluster.managerLock, autolock ?? cluster.managerLock.autolock, random);
    if (strategy !== undefined) checkStrategy(strategy, cluster.stateFormat);
    const spec = {
      ...cluster.spec,
      taskHistoryLimit: taskHistoryLimit ?? cluster.spec.taskHistoryLimit,
      strategy: strategy ?? cluster.spec.strategy,
    };
    const changed = withCertExpiry({ ...cluster, spec, managerLock }, nodeCertExpiryMs, clock.now());
    return { before: cluster.managerLock, after: tx.update('cluster', changed).managerLock };
  });
  return { unlockKey: after.autolock && !before.autolock ? formatUnlockKey(after.unlockKey) : '' };
}

/** INVALID_ARGUMENT, WRONG_STATE: a manager that doesn't know of it would lose it. */
function checkStrategy(strategy: PlacementStrategy, stateFormat: number): void {
  if (!Object.values<number>(PlacementStrategy).includes(strategy)) {
    throw new GantryError('INVALID_ARGUMENT', `there is no placement strategy ${strategy}`);
  }
  if (stateFormat < FORMAT_OF_CLUSTER_STRATEGY) throw notKnownToAll('the cluster is to have a placement strategy');
}

/** The key as it is, or a new one; empty without autolock. WRONG_STATE when there is none that could be rotated. */
export async function clusterUnlockKey(
  { store, random }: ApiContext,
  { rotate }: ClusterUnlockKeyRequest,
): Promise<ClusterUnlockKeyResponse> {
  if (rotate) await store.update((tx) => void tx.update('cluster', withNewKey(theCluster(tx), random)));
  const { autolock, unlockKey } = store.view(theCluster).managerLock;
  return { unlockKey: autolock ? formatUnlockKey(unlockKey) : '' };
}

function withNewKey<C extends { readonly managerLock: ManagerLock }>(cluster: C, random: RandomBytes): C {
  const { autolock, version } = cluster.managerLock;
  if (!autolock) {
    throw new GantryError('WRONG_STATE', 'cannot rotate the unlock key: autolock is off, and there is none', {
      hint: '"gantry cluster update --autolock" turns it on',
    });
  }
  return { ...cluster, managerLock: { autolock, unlockKey: newUnlockKey(random), version: version + 1 } };
}

/** The same lock when nothing changes: what is on stays on with the key that users have. */
function withAutolock(lock: ManagerLock, autolock: boolean, random: RandomBytes): ManagerLock {
  if (lock.autolock === autolock) return lock;
  return { autolock, unlockKey: autolock ? newUnlockKey(random) : Buffer.alloc(0), version: lock.version + 1 };
}
