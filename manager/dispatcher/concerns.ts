/** Whose node may have to know something else after a change. */
import { type AddressBlock, type ServiceEndpoints, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { INGRESS_NETWORK } from '../../proto/ingress-network.ts';
import { isForAll } from '../store/network.ts';
import { wireguardKey } from '../store/node.ts';
import type { ReadTransaction } from '../store/tables.ts';
import { hasEnded } from '../store/task.ts';
import { tasksOn } from '../store/tasks-on.ts';
import type { StoreEvent } from '../store/watch.ts';
import { hasBlock, isPublished } from './assignments.ts';
import type { Session } from './session.ts';

/** What a change needs of a session. */
type Concerned = Pick<Session, 'isTold' | 'touch'>;

type Of<K extends StoreEvent['kind']> = StoreEvent & { readonly kind: K };

/** Of all but endpoints. `sessions`: by node. */
export function touchConcerned(event: StoreEvent, sessions: ReadonlyMap<string, Session>, read: ReadTransaction): void {
  switch (event.kind) {
    case 'task':
      if (isNews(event)) sessions.get(event.object.nodeId)?.touch('task', event.object.id);
      return;
    case 'network': {
      const moved = nodesWithOtherBlocks(event);
      for (const session of sessions.values()) touchNetwork(event, moved, session, read);
      return;
    }
    case 'node':
      if (event.change !== 'update' || isReachedOtherwise(event)) touchAddress(event.object.id, sessions, read);
      else if (asksFromElsewhere(event)) touchPeers(sessions.values());
      return;
    case 'secret':
    case 'config':
      // One that is new comes before the tasks that use it.
      for (const session of sessions.values()) {
        if (session.isTold(event.kind, event.object.id)) session.touch(event.kind, event.object.id);
      }
      return;
    default:
      return;
  }
}

/**
 * What is different now of how a service is reached; `now` is undefined when it isn't any more. A session that comes to know
 * one of its networks later looks for its services by itself.
 */
export function touchEndpoints(
  serviceId: string,
  now: ServiceEndpoints | undefined,
  sessions: Iterable<Concerned>,
): void {
  const isEverybodys = now !== undefined && isPublished(now);
  const isOnNetworkOf = (session: Concerned) => now?.networks.some(({ target }) => session.isTold('network', target));
  for (const session of sessions) {
    if (isEverybodys || session.isTold('endpoints', serviceId) || isOnNetworkOf(session)) {
      session.touch('endpoints', serviceId);
    }
  }
}

/** There is something to tell of containers on these networks. */
export function touchAttached(networkIds: readonly string[], sessions: Iterable<Concerned>): void {
  if (networkIds.length === 0) return;
  for (const session of sessions) {
    for (const id of networkIds) if (session.isTold('network', id)) session.touch('attached', id);
  }
}

/** Not what the node's agent has reported itself, while the task makes progress. */
function isNews({ change, object, previous }: Of<'task'>): boolean {
  if (change !== 'update' || previous === undefined) return true;
  if (object.nodeId !== previous.nodeId || object.desiredState !== previous.desiredState) return true;
  return hasEnded(object) !== hasEnded(previous) || previous.status.state <= TaskState.ASSIGNED;
}

function isReachedOtherwise({ object, previous }: Of<'node'>): boolean {
  if (previous === undefined || object.status.address !== previous.status.address) return true;
  return wireguardKey(object) !== wireguardKey(previous);
}

/** Of IPv6: a node may have got another address while it is reached as before. */
function asksFromElsewhere({ object, previous }: Of<'node'>): boolean {
  return object.description.ipv6Addresses.join() !== previous?.description.ipv6Addresses.join();
}

function nodesWithOtherBlocks({ object, previous }: Of<'network'>): string[] {
  const key = ({ nodeId, cidr }: AddressBlock) => `${nodeId} ${cidr}`;
  const [before, after] = [new Set(previous?.blocks.map(key)), new Set(object.blocks.map(key))];
  return [...new Set([...before.symmetricDifference(after)].map((block) => block.split(' ')[0] ?? ''))];
}

/** Where a node is reached: all who share a network with it, and itself. */
function touchAddress(nodeId: string, sessions: ReadonlyMap<string, Session>, read: ReadTransaction): void {
  sessions.get(nodeId)?.touch('network', INGRESS_NETWORK);
  touchPeers(sessions.values());
  for (const network of read.find('network', { by: 'all' })) {
    const own = sessions.get(nodeId);
    if (own?.isTold('network', network.id)) own.touch('network', network.id);
    if (!hasBlock(network, nodeId)) continue;
    for (const session of sessions.values()) {
      if (session.isTold('network', network.id)) session.touch('peer', network.id);
    }
  }
}

/** Where nodes are asked for published ports, and from where. */
function touchPeers(sessions: Iterable<Concerned>): void {
  for (const session of sessions) session.touch('peer', INGRESS_NETWORK);
}

/** `moved`: nodes that have other addresses of it than before. */
function touchNetwork(
  { change, object }: Of<'network'>,
  moved: readonly string[],
  session: Session,
  read: ReadTransaction,
): void {
  const { nodeId } = session;
  if (isForAll(object) && moved.includes(nodeId)) session.touch('network', object.id);
  if (session.isTold('network', object.id)) {
    session.touch('network', object.id);
    if (moved.length > 0) session.touch('peer', object.id);
  }
  // Tasks that have waited for addresses of it.
  if (change !== 'remove' && !moved.includes(nodeId)) return;
  for (const { id } of tasksOn(read, object.id, nodeId)) session.touch('task', id);
}
