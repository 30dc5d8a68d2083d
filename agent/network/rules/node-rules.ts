/** nftables rules of the link that leads to the other nodes, for published ports. Pure. */
import { ORIGIN_MASK, OURS_MASK, OUTGOING, TOWARDS_NODES, towardsOrigin } from '../ingress/marks.ts';
import type { RuleFamily } from './rule-family.ts';
import { hex } from './rule-text.ts';

/** What leads to the other nodes; see ingress/marks.ts. */
export interface IngressRules {
  readonly link: string;
  readonly nodes: readonly { readonly mac: string; readonly number: number }[];
}

/** A client may use the same port towards two nodes that both send it on to this one. */
export function zoneRules({ link, nodes }: IngressRules): string[] {
  if (nodes.length === 0) return [];
  const zones = nodes.map(({ mac, number }) => `${mac} : ${number}`);
  return [`iifname "${link}" ct original zone set ether saddr map { ${zones.join(', ')} }`];
}

/** Which node a connection came from. */
export function originRules({ link, nodes }: IngressRules): string[] {
  if (nodes.length === 0) return [];
  const marks = nodes.map(({ mac, number }) => `${mac} : ${towardsOrigin(number)}`);
  return [`ct state new iifname "${link}" ct mark set ether saddr map { ${marks.join(', ')} }`];
}

/** Which routing table is asked for a packet of a marked connection: to other nodes, or back to where it came from. */
export function wayRules(): string[] {
  const is = (bits: number, of: number) => `ct mark & ${hex(of)} == ${hex(bits)}`;
  return [
    // Nearly all connections aren't marked, and need no more than this.
    `ct mark & ${hex(OURS_MASK)} != ${hex(TOWARDS_NODES)} accept`,
    `ct direction original ${is(TOWARDS_NODES + OUTGOING, OURS_MASK + OUTGOING)} meta mark set ${hex(TOWARDS_NODES)}`,
    `ct direction reply ${is(TOWARDS_NODES, OURS_MASK)} ct mark & ${hex(ORIGIN_MASK)} != 0 meta mark set ct mark & ${hex(OURS_MASK + ORIGIN_MASK)}`,
  ];
}

/** What another node has sent on goes to containers of this one, never further. */
export function fromNodeRules({ link }: IngressRules): string[] {
  return [`iifname "${link}" fib daddr type local goto here`];
}

/** Another node has sent it here, but there is no task (any more), or the port isn't published: the client hears so. */
export function nobodyHereRules({ icmp }: RuleFamily, { link }: IngressRules): string[] {
  return [
    `ct state new iifname "${link}" meta l4proto tcp reject with tcp reset`,
    `ct state new iifname "${link}" reject with ${icmp} port-unreachable`,
  ];
}

/** But for published ports nobody goes from node to node this way. */
export function noOtherWayRules({ link }: IngressRules): string[] {
  return [`iifname "${link}" drop`, `oifname "${link}" drop`];
}

/** What must not arrive at another node under the address that it has. */
export function toNodeRules({ family, loopback, routesLoopback }: RuleFamily, { link }: IngressRules): string[] {
  return [
    ...(routesLoopback ? [`${family} saddr ${loopback} oifname "${link}" masquerade`] : []),
    // A node that asks another one, and is sent to itself.
    `oifname "${link}" ${family} saddr . ${family} daddr @itself masquerade`,
  ];
}

/** The packet that a VXLAN puts around it is routed by the same mark, and must not come back to the VXLAN. */
export function outerRules({ link }: IngressRules): string[] {
  return [`meta mark != 0 oifname "${link}" meta mark set 0`];
}
