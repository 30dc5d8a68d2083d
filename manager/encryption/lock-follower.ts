/** Keeps a manager's keys as the cluster wants them. Runs on every manager, whether it leads or not. */
import type { Logger } from 'pino';
import type { ManagerLock } from '../../proto/generated/gantry/v1/types.ts';
import type { Store } from '../store/store.ts';
import type { ClusterLock, KeyStore } from './key-store.ts';

export interface LockFollowerOptions {
  readonly store: Store;
  readonly keys: KeyStore;
  readonly logger: Logger;
}

/** Until the signal aborts. A new manager has the unlock key as soon as it has caught up. Throws when keys.json can't be written. */
export async function followClusterLock(
  { store, keys, logger }: LockFollowerOptions,
  signal: AbortSignal,
): Promise<void> {
  const watch = store.watch({ kinds: ['cluster'] });
  try {
    while (!signal.aborted) {
      watch.take();
      const [cluster] = store.view((read) => read.find('cluster', { by: 'all' }));
      if (cluster !== undefined && keys.follow(toClusterLock(cluster.managerLock))) {
        logger.info({ autolock: cluster.managerLock.autolock }, "sealed the log's keys anew");
      }
      await watch.changed(signal);
    }
  } finally {
    watch.close();
  }
}

function toClusterLock({ autolock, unlockKey, version }: ManagerLock): ClusterLock {
  return { version, unlockKey: autolock ? unlockKey : undefined };
}
