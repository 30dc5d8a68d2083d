/** Asks the nodes whether ports are free on their hosts. */
import { GantryError } from '../../proto/errors.ts';
import { type PortConflict, PortProbeRequest, PortProbeResponse } from '../../proto/generated/gantry/v1/engine.ts';
import { NodeState, type PortConfig } from '../../proto/generated/gantry/v1/types.ts';
import { describePort } from '../allocator/ports.ts';
import { type NodeObject, nodeName } from '../store/node.ts';
import type { ApiContext } from './context.ts';

/** A node that doesn't answer by then is left out: it would report a conflict when it starts the task. */
const TIMEOUT_MS = 3000;

/** Those of a service, or of many, that nothing of theirs had `before`: what nodes hold for a service isn't free there. */
export function newPorts(now: readonly PortConfig[], before: readonly PortConfig[]): PortConfig[] {
  const had = new Set(before.map(portKey));
  return now.filter((port) => !had.has(portKey(port)));
}

/** Addresses of IPv4 are left out: a port on one was held when it is to be on all. */
function portKey(port: PortConfig): string {
  return `${isOnIpv6(port) ? 'IPv6' : 'IPv4'} ${describePort(port)}`;
}

function isOnIpv6({ hostIp }: PortConfig): boolean {
  return hostIp.includes(':');
}

/** Only where it isn't obvious. */
function addressOf(port: PortConfig): string {
  return isOnIpv6(port) ? `[${port.hostIp}]:` : '';
}

/** Throws PORT_IN_USE naming the node and the holder. */
export async function checkHostPorts(
  context: ApiContext,
  ports: readonly PortConfig[],
  signal: AbortSignal,
): Promise<void> {
  if (ports.length === 0) return;
  const nodes = context.store.view((read) => read.find('node', { by: 'all' }));
  const ready = nodes.filter((node) => node.status.state === NodeState.READY);
  const conflicts = await Promise.all(ready.map((node) => probe(context, node, ports, signal)));
  ready.forEach((node, position) => {
    const [conflict] = conflicts[position] ?? [];
    if (conflict?.port === undefined) return;
    throw new GantryError(
      'PORT_IN_USE',
      `port ${addressOf(conflict.port)}${describePort(conflict.port)} is already in use on node ${nodeName(node)} by ${conflict.holder}`,
      { hint: 'publish another port, or stop what holds it' },
    );
  });
}

async function probe(
  context: ApiContext,
  node: NodeObject,
  ports: readonly PortConfig[],
  signal: AbortSignal,
): Promise<PortConflict[]> {
  const request = PortProbeRequest.encode({ ports: [...ports] }).finish();
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    for await (const data of context.engines.openStream(node.id, 'PortProbe', only(request), limited)) {
      return PortProbeResponse.decode(data).conflicts;
    }
  } catch (error) {
    context.logger.warn({ err: error, node: node.id }, 'node could not be asked about ports');
  }
  return [];
}

/** The requests of a call that has one. */
export async function* only(request: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield await Promise.resolve(request);
}
