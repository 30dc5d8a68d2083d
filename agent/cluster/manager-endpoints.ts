/** Where this node finds a manager. */
import { parseNodeAddress } from '../../proto/address.ts';
import { managerChannelCredentials, type NodeIdentity } from '../../proto/tls.ts';
import type { ManagerEndpoint } from '../session/session.ts';
import { managerSocket } from './manager-client.ts';
import type { Membership } from './membership.ts';

/** For the session: this node's own manager if it has one, then the others, the first of which differs from node to node. */
export function sessionEndpoints(
  membership: Membership,
  execRoot: string,
  identity: NodeIdentity | undefined,
): ManagerEndpoint[] {
  const local: ManagerEndpoint = { address: { kind: 'unix', path: managerSocket(execRoot) }, credentials: undefined };
  return [...(membership.manager ? [local] : []), ...otherManagers(membership, identity)];
}

/** For a certificate: this node's own manager is asked over TLS, too, since that is how it knows who asks. */
export function authorityEndpoints(membership: Membership, identity: NodeIdentity): ManagerEndpoint[] {
  const credentials = managerChannelCredentials(identity);
  const own: ManagerEndpoint = { address: ownAddress(membership.advertiseAddr), credentials };
  return [...(membership.manager ? [own] : []), ...otherManagers(membership, identity)];
}

function otherManagers({ nodeId, managers }: Membership, identity: NodeIdentity | undefined): ManagerEndpoint[] {
  if (identity === undefined) return [];
  const credentials = managerChannelCredentials(identity);
  const others = managers.filter((manager) => manager.nodeId !== nodeId && manager.address !== '');
  return inTurnOf(nodeId, others).map(({ address }) => ({ address: parseNodeAddress(address), credentials }));
}

/** In their order, from one on that the node's id picks: else all nodes would have their sessions with the same manager. */
export function inTurnOf<Manager>(nodeId: string, managers: readonly Manager[]): readonly Manager[] {
  const sum = Buffer.from(nodeId).reduce((total, byte) => total + byte, 0);
  const first = managers.length === 0 ? 0 : sum % managers.length;
  return [...managers.slice(first), ...managers.slice(0, first)];
}

/** From here: the advertised address may be that of a router, which doesn't let this node back in. */
function ownAddress(advertiseAddr: string) {
  const { host, port } = parseNodeAddress(advertiseAddr);
  const isLoopback = host.startsWith('127.') || host === '::1';
  if (isLoopback) return { kind: 'tcp', host, port } as const;
  return { kind: 'tcp', host: host.includes(':') ? '::1' : '127.0.0.1', port } as const;
}
