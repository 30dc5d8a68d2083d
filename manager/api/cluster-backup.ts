/** ClusterBackup: the whole state as a file, while the cluster goes on. */
import type { ClusterBackupChunk, ClusterBackupRequest } from '../../proto/generated/gantry/v1/control.ts';
import { writeBackup } from '../disaster/write-backup.ts';
import type { ApiContext } from './context.ts';

export async function* clusterBackup(
  { store, clock, random }: ApiContext,
  _request: ClusterBackupRequest,
): AsyncGenerator<ClusterBackupChunk, void, undefined> {
  const { cluster, ...state } = await store.copy();
  const { autolock, unlockKey } = cluster.managerLock;
  const source = { ...state, clusterId: cluster.id, unlockKey: autolock ? unlockKey : undefined };
  for await (const data of writeBackup({ ...source, nowMs: clock.now(), random })) yield { data };
}
