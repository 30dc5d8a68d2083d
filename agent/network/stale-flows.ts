/**
 * UDP flows that conntrack would keep sending the old way after the published ports have changed. A rule is looked
 * up only for the first packet of a flow, and a UDP flow lasts as long as its client keeps talking. Pure.
 */
import { type Flow, IPPROTO_UDP } from './netlink/conntrack.ts';
import type { PublishedPort } from './ruleset.ts';
import { contains, parseIpv4, type Subnet } from './subnet.ts';

export interface Published {
  readonly ports: readonly PublishedPort[];
  /** Of the node's networks; and the other nodes. */
  readonly subnets: readonly Subnet[];
  /** The host's own. */
  readonly hostAddresses: ReadonlySet<string>;
}

export function staleUdpFlows(flows: readonly Flow[], published: Published): Flow[] {
  const ports = published.ports.filter((port) => port.protocol === 'udp');
  return flows.filter((flow) => flow.original.protocol === IPPROTO_UDP && isStale(flow, ports, published));
}

function isStale(flow: Flow, ports: readonly PublishedPort[], published: Published): boolean {
  const { original, reply } = flow;
  if (!isLocal(original.destination, published.hostAddresses)) return false;
  const port = ports.find(
    ({ port, hostIp, targets }) =>
      targets.length > 0 && port === original.destinationPort && (hostIp === '' || hostIp === original.destination),
  );
  // Sent on into one of our networks, or to another node: it must be where the port leads today.
  if (reply.source !== original.destination) {
    const target = parseIpv4(reply.source);
    const isOurs = target !== undefined && published.subnets.some((subnet) => contains(subnet, target));
    return isOurs && !port?.targets.some(({ address, port }) => address === reply.source && port === reply.sourcePort);
  }
  // Taken for the host itself, from before the port was published.
  return port !== undefined;
}

function isLocal(address: string, hostAddresses: ReadonlySet<string>): boolean {
  return address.startsWith('127.') || hostAddresses.has(address);
}
