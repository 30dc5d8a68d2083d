/** The two ways out of a disaster, as gantryd goes them: `cluster restore` and `cluster recover`. */
import { randomBytes } from 'node:crypto';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type {
  ClusterRecoverRequest,
  ClusterRecoverResponse,
  ClusterRestoreRequest,
  ClusterRestoreResponse,
} from '../../proto/generated/gantry/v1/node.ts';
import { newObjectId } from '../../proto/ids.ts';
import { checkPortFree, defaultAdvertiseAddress, parseAdvertiseAddress } from './advertise-address.ts';
import type { ClusterMember } from './cluster-member.ts';
import { managerDir } from './manager-role.ts';
import type { Membership, MembershipFile } from './membership.ts';
import { runOffline } from './offline-manager.ts';
import { checkRecovery, managerHealth, unlockWhenLocked } from './recovery.ts';
import { commitRestoration, finishRestoration, splitRestoreRequests, stageRestoration } from './restoration.ts';

/** What the node lets be done with it. */
export interface NodeInDisaster {
  readonly dataRoot: string;
  readonly execRoot: string;
  /** Of a node that is told no other one; may be empty. */
  readonly advertiseAddr: string;
  /** Address of the etcd cluster that has the log; empty: the managers have it themselves. */
  readonly store: string;
  readonly file: MembershipFile;
  /** Throws NOT_IN_CLUSTER. */
  member(): ClusterMember;
  /** Of the cluster that the node is in. */
  removeTasks(): Promise<void>;
  /** Idempotent. */
  stopMember(): Promise<void>;
  /** As what cluster.json says. */
  startMember(): Promise<void>;
  readonly closing: AbortSignal;
}

/** Of a new manager: elects itself at once; most of this is a slow disk's. */
const JOIN_TIMEOUT_MS = 30_000;

/**
 * Makes this node the only manager of the cluster in the backup. It keeps its id where it has one: what it runs goes on
 * if the cluster knows it. See restoration.ts for crash points.
 */
export async function restoreCluster(
  node: NodeInDisaster,
  requests: AsyncIterable<ClusterRestoreRequest>,
): Promise<ClusterRestoreResponse> {
  const { dataRoot, file } = node;
  checkOwnLog(node, 'restore');
  const { options, backup } = await splitRestoreRequests(requests);
  const before = file.current;
  if (before !== undefined && !options.force) {
    throw new GantryError('WRONG_STATE', 'cannot restore: this node is in a cluster', {
      hint: 'with --force the backup takes its place: all that it does not have is lost',
    });
  }
  const membership = await restoredMembership(node, before, options.advertiseAddr);
  const { clusterId, nodeKnown } = await stageRestoration(dataRoot, membership, options.unlockKey, backup);
  try {
    if (before !== undefined && !nodeKnown) await node.removeTasks();
    await node.stopMember();
    await commitRestoration(dataRoot);
    await finishRestoration(dataRoot, file);
  } finally {
    // However far it came: what is in place now is what counts.
    await node.stopMember();
    await node.startMember();
  }
  await node.member().whenJoined(JOIN_TIMEOUT_MS, node.closing);
  return { nodeId: membership.nodeId, clusterId };
}

async function restoredMembership(
  node: NodeInDisaster,
  before: Membership | undefined,
  advertiseAddr: string,
): Promise<Membership> {
  const chosen = advertiseAddr || (before?.advertiseAddr ?? node.advertiseAddr);
  const address = chosen === '' ? defaultAdvertiseAddress() : parseAdvertiseAddress(chosen);
  if (before?.manager !== true) await checkPortFree(address);
  const nodeId = before?.nodeId ?? newObjectId(randomBytes);
  return { nodeId, clusterId: '', manager: true, advertiseAddr: address, managers: [], leaving: false };
}

/** Crash points: the log is that of a cluster of one, or it isn't; either way the next agent starts the manager on it. */
export async function recoverCluster(
  node: NodeInDisaster,
  request: ClusterRecoverRequest,
): Promise<ClusterRecoverResponse> {
  const { dataRoot, execRoot, file, closing } = node;
  checkOwnLog(node, 'recover');
  const member = node.member();
  const { nodeId, manager } = file.current ?? { nodeId: '', manager: false };
  if (!manager) {
    throw new GantryError('NOT_A_MANAGER', 'cannot recover: this node is a worker, and has no state of the cluster', {
      hint: 'recover on a node that was a manager, or restore a backup with "gantry cluster restore"',
    });
  }
  checkRecovery(await managerHealth(execRoot).catch(toGantryError), request);
  const options = { dir: managerDir(dataRoot), nodeId, unlockKey: request.unlockKey };
  await member.withoutManager(() => runOffline('recover', options));
  if (request.unlockKey !== '') await unlockWhenLocked(execRoot, request.unlockKey);
  await member.whenJoined(JOIN_TIMEOUT_MS, closing);
  return {};
}

function checkOwnLog({ store }: NodeInDisaster, what: string): void {
  if (store === '') return;
  throw new GantryError('UNSUPPORTED', `cannot ${what}: the cluster's log is in ${store}, not with its managers`, {
    hint: 'restore etcd from a snapshot of its own, as its manual says; the managers then go on with what it has',
  });
}
