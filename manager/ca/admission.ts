/** Whether a node may join, and as what. */
import { GantryError } from '../../proto/errors.ts';
import { type JoinTokens, type NodeAvailability, NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import { isSameToken } from '../../proto/join-token.ts';
import { type NodeObject, nodeType } from '../store/node.ts';
import type { WriteTransaction } from '../store/transaction.ts';

export interface Applicant {
  readonly token: string;
  readonly nodeId: string;
  readonly availability: NodeAvailability;
  /** SHA-256 of its public key. */
  readonly keyDigest: Buffer;
}

/**
 * Makes the node's object, in the role that the token is for. A node whose answer was lost asks again with the same key and
 * finds its object; whoever asks for another's id is refused. Throws PERMISSION_DENIED, ALREADY_EXISTS.
 */
export function admit(tx: WriteTransaction, { token, nodeId, availability, keyDigest }: Applicant): NodeObject {
  const [cluster] = tx.find('cluster', { by: 'all' });
  const role = cluster?.joinTokens && roleOf(token, cluster.joinTokens);
  if (cluster === undefined || role === undefined) throw wrongToken();
  const known = tx.get('node', nodeId);
  if (known !== undefined && known.spec.role === role && keyDigest.equals(known.joinedKey)) return known;
  if (known !== undefined || cluster.removedNodes.some((removed) => removed.nodeId === nodeId)) {
    throw new GantryError('ALREADY_EXISTS', `cannot join as node ${nodeId}: there is or was such a node`);
  }
  const spec = { annotations: undefined, role, availability };
  const fields = { id: nodeId, meta: undefined, spec, description: undefined, status: undefined, joinedKey: keyDigest };
  return tx.create('node', nodeType.complete(fields));
}

/** Both are compared, whichever it is: the time tells nothing. */
export function roleOf(token: string, { worker, manager }: JoinTokens): NodeRole | undefined {
  const isWorker = isSameToken(token, worker);
  const isManager = isSameToken(token, manager);
  if (isManager) return NodeRole.MANAGER;
  return isWorker ? NodeRole.WORKER : undefined;
}

/** Without the token: most of a wrong one may be right. */
function wrongToken(): GantryError {
  return new GantryError('PERMISSION_DENIED', 'the join token is not valid for this cluster', {
    hint: 'it may have been rotated: take the present one from "gantry cluster join-token" on a manager',
  });
}
