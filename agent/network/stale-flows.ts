/**
 * Flows that conntrack would keep sending the old way after the published ports have changed. A rule is looked
 * up only for the first packet of a flow, and a UDP flow lasts as long as its client keeps talking; one of SCTP, whose
 * clients may have ports of their own for good, as long as it tries. Pure.
 */
import { type Flow, IPPROTO_SCTP, IPPROTO_UDP } from './netlink/conntrack.ts';
import type { PublishedPort } from './rules/port-rules.ts';

export interface Published {
  readonly ports: readonly PublishedPort[];
  /** Whether an address is of the node's networks, or another node. */
  readonly isOurs: (address: string) => boolean;
  /** Whether an address is that of a container that there is, or of another node. */
  readonly isPresent: (address: string) => boolean;
  /** The host's own. */
  readonly hostAddresses: ReadonlySet<string>;
}

export function staleFlows(flows: readonly Flow[], published: Published): Flow[] {
  const udp = published.ports.filter((port) => port.protocol === 'udp');
  const sctp = published.ports.filter((port) => port.protocol === 'sctp');
  return flows.filter((flow) => {
    const { protocol } = flow.original;
    if (protocol === IPPROTO_UDP) return isStale(flow, udp, published);
    // An association goes on until its task ends, as a connection of TCP does.
    return protocol === IPPROTO_SCTP && !published.isPresent(flow.reply.source) && isStale(flow, sctp, published);
  });
}

function isStale(flow: Flow, ports: readonly PublishedPort[], published: Published): boolean {
  const { original, reply } = flow;
  if (!isLocal(original.destination, published.hostAddresses)) return false;
  const port = ports.find(
    ({ port, hostIp, targets }) =>
      targets.length > 0 && port === original.destinationPort && isAt(hostIp, original.destination),
  );
  // Sent on into one of our networks, or to another node: it must be where the port leads today.
  if (reply.source !== original.destination) {
    const isThere = port?.targets.some(({ address, port }) => address === reply.source && port === reply.sourcePort);
    return published.isOurs(reply.source) && isThere !== true;
  }
  // Taken for the host itself, from before the port was published.
  return port !== undefined;
}

/** No address stands for all of IPv4's, "::" for all of IPv6's. */
function isAt(hostIp: string, address: string): boolean {
  return hostIp === address || hostIp === (address.includes(':') ? '::' : '');
}

function isLocal(address: string, hostAddresses: ReadonlySet<string>): boolean {
  return address.startsWith('127.') || hostAddresses.has(address);
}
