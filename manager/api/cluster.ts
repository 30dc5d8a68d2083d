/** ClusterInspect, ClusterJoinToken. */
import { GantryError } from '../../proto/errors.ts';
import type {
  ClusterInspectResponse,
  ClusterJoinTokenRequest,
  ClusterJoinTokenResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import { type JoinTokens, NodeRole, type RootCa } from '../../proto/generated/gantry/v1/types.ts';
import { newJoinToken } from '../../proto/join-token.ts';
import type { ClusterObject } from '../store/cluster.ts';
import { theCluster } from '../store/the-cluster.ts';
import type { ApiContext } from './context.ts';

/** Without what only managers may know. */
export function clusterInspect(context: ApiContext): ClusterInspectResponse {
  const { rootCa, caRotation, managerLock, ...cluster } = context.store.view(theCluster);
  const shown = {
    ...cluster,
    rootCa: rootCa && { ...rootCa, key: '' },
    caRotation: caRotation && { ...caRotation, rootCa: caRotation.rootCa && { ...caRotation.rootCa, key: '' } },
    joinTokens: undefined,
    managerLock: { ...managerLock, unlockKey: Buffer.alloc(0) },
  };
  return { cluster: shown, leaderNodeId: context.leaderNodeId(), nodeId: context.nodeId };
}

export async function clusterJoinToken(
  { store, log, random }: ApiContext,
  { role, rotate }: ClusterJoinTokenRequest,
): Promise<ClusterJoinTokenResponse> {
  const which = role === NodeRole.MANAGER ? 'manager' : 'worker';
  const tokens = rotate
    ? await store.update((tx) => {
        const cluster = theCluster(tx);
        const joinTokens = { ...tokensOf(cluster), [which]: newJoinToken(rootCaOf(cluster).certificate, random) };
        tx.update('cluster', { ...cluster, joinTokens });
        return joinTokens;
      })
    : store.view((read) => tokensOf(theCluster(read)));
  return { token: tokens[which], managerAddress: log.members().find(({ leader }) => leader)?.address ?? '' };
}

function tokensOf({ joinTokens }: ClusterObject): JoinTokens {
  if (joinTokens === undefined) throw beingSetUp();
  return joinTokens;
}

function rootCaOf({ rootCa }: ClusterObject): RootCa {
  if (rootCa === undefined) throw beingSetUp();
  return rootCa;
}

function beingSetUp(): GantryError {
  return new GantryError('UNAVAILABLE', 'the cluster is being set up');
}
