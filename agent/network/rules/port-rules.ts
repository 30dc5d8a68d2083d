/** nftables rules of published ports. Pure. */
import type { ProtocolName } from '../../../proto/port-protocol.ts';
import { OUTGOING, TOWARDS_NODES } from '../ingress/marks.ts';
import type { RuleFamily } from './rule-family.ts';
import { compare, hex } from './rule-text.ts';

export interface PublishedPort {
  readonly protocol: ProtocolName;
  /** Empty: all of the host's addresses; of IPv6 those are "::". */
  readonly hostIp: string;
  readonly port: number;
  /** Tasks' containers on this node, and other nodes, as often as they have tasks. */
  readonly targets: readonly PortTarget[];
  /** Where what another node has sent on goes. */
  readonly here: readonly PortTarget[];
}

export interface PortTarget {
  readonly kind: 'container' | 'node';
  readonly address: string;
  readonly port: number;
}

/** After all addresses: these begin with a digit, as one of IPv6 with one of 16. */
const LAST = 'x';

export function publishRules(of: RuleFamily, ports: readonly PublishedPort[]): string[] {
  return sorted(of, ports).flatMap(({ hostIp, protocol, port, targets }) => {
    if (targets.length === 0 || (hostIp === of.loopback && !of.routesLoopback)) return [];
    const address = hostIp === of.all ? '' : `${of.family} daddr ${hostIp} `;
    return [`${address}${protocol} dport ${port} ${mark(of, targets)}${destination(of, targets)}`];
  });
}

/** Whatever address of another node the client has asked for. */
export function hereRules(of: RuleFamily, ports: readonly PublishedPort[]): string[] {
  return sorted(of, ports).flatMap(({ protocol, port, here }) => {
    return here.length === 0 ? [] : [`${protocol} dport ${port} ${mark(of, here)}${destination(of, here)}`];
  });
}

function mark({ marksWayToNodes }: RuleFamily, targets: readonly PortTarget[]): string {
  if (!marksWayToNodes || !targets.some(({ kind }) => kind === 'node')) return '';
  return `meta mark set ${hex(TOWARDS_NODES)} ct mark set ct mark or ${hex(TOWARDS_NODES + OUTGOING)} `;
}

/** In turn, so that every target gets the same share of new connections. */
function destination({ family, socketAddress }: RuleFamily, targets: readonly PortTarget[]): string {
  const [only, ...others] = targets;
  if (only !== undefined && others.length === 0) return `dnat to ${socketAddress(only.address, only.port)}`;
  const elements = targets
    .toSorted((a, b) => compare(`${a.address}:${a.port}`, `${b.address}:${b.port}`))
    .map((target, index) => `${index} : ${target.address} . ${target.port}`);
  return `dnat ${family} to numgen inc mod ${targets.length} map { ${elements.join(', ')} }`;
}

/** A port on one address comes before the same port on all. */
function sorted({ all }: RuleFamily, ports: readonly PublishedPort[]): PublishedPort[] {
  const key = ({ protocol, port, hostIp }: PublishedPort) =>
    `${protocol} ${String(port).padStart(5, '0')} ${hostIp === all ? LAST : hostIp}`;
  return ports.toSorted((a, b) => compare(key(a), key(b)));
}
