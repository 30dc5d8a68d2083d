/** nftables rules of networks: what goes between them, out of them, and into them. Pure. */
import { VXLAN_PORT } from '../network-record.ts';
import { type IngressRules, noOtherWayRules } from './node-rules.ts';
import type { RuleFamily } from './rule-family.ts';

export interface BridgeRules {
  readonly bridge: string;
  /** CIDR */
  readonly subnet: string;
  readonly internal: boolean;
  /** The link that leads to other nodes; undefined: the network is on this node alone. */
  readonly vxlan: string | undefined;
}

type Links = Pick<BridgeRules, 'bridge' | 'vxlan'>;

/** With route_localnet on a link, who is behind it could reach what listens on the host's 127.0.0.1. */
export function loopbackRules(
  { family, loopback, routesLoopback }: RuleFamily,
  bridges: readonly BridgeRules[],
  ingress: IngressRules | undefined,
): string[] {
  const all = [...bridges.map(({ bridge }) => bridge), ...(ingress === undefined ? [] : [ingress.link])];
  if (!routesLoopback || all.length === 0) return [];
  return [`${family} daddr ${loopback} iifname ${names(all)} drop`];
}

/**
 * What a container sends to the port that nodes' VXLANs listen on would be taken for another network's, once it has left
 * under this node's address.
 */
export function forgeryRules({ carriesVxlan, icmp }: RuleFamily, bridges: readonly BridgeRules[]): string[] {
  if (!carriesVxlan || bridges.length === 0) return [];
  const from = names(bridges.map(({ bridge }) => bridge));
  return [`udp dport ${VXLAN_PORT} iifname ${from} reject with ${icmp} admin-prohibited`];
}

/** Containers of a network that spans nodes must not be told to reach each other without their host. */
export function redirectRules({ icmp, redirect }: RuleFamily, bridges: readonly BridgeRules[]): string[] {
  const spanning = bridges.filter(({ vxlan }) => vxlan !== undefined).map(({ bridge }) => bridge);
  return spanning.length === 0 ? [] : [`${icmp} type ${redirect} oifname ${names(spanning)} drop`];
}

/**
 * A network is reached from its own links and through published ports, from nowhere else; an internal network
 * neither sends nor receives anything across them. Frames within a bridge come by here too where the kernel
 * runs bridged packets through IP hooks (br_netfilter): in and out are the same bridge then.
 */
export function forwardRules(
  of: RuleFamily,
  bridges: readonly BridgeRules[],
  ingress: IngressRules | undefined,
): string[] {
  return [
    ...forgeryRules(of, bridges),
    ...internalRules(bridges),
    'ct state established,related accept',
    // What conntrack can't place is not translated back either: it would leave with the container's own address.
    ...invalidRules(bridges),
    'ct status dnat accept',
    ...bridges.flatMap(({ vxlan, subnet }) =>
      vxlan === undefined ? [] : [`iifname "${vxlan}" ${of.family} saddr != ${subnet} drop`],
    ),
    ...isolationRules(bridges),
    ...(ingress === undefined ? [] : noOtherWayRules(ingress)),
  ];
}

/** An internal network neither sends nor receives anything across its links, whatever was allowed once. */
function internalRules(bridges: readonly BridgeRules[]): string[] {
  const internal = bridges.filter((network) => network.internal);
  if (internal.length === 0) return [];
  const own = names(internal.flatMap(linkNames));
  const across = `iifname . oifname != ${pairs(internal, linkNames, linkNames)} drop`;
  return [`iifname ${own} ${across}`, `oifname ${own} ${across}`];
}

function invalidRules(bridges: readonly Links[]): string[] {
  if (bridges.length === 0) return [];
  const from = names(bridges.map(({ bridge }) => bridge));
  const inside = pairs(bridges, ({ bridge }) => [bridge], linkNames);
  return [`ct state invalid iifname ${from} iifname . oifname != ${inside} drop`];
}

/** Into a network only from itself; from its other nodes only to its containers here. */
function isolationRules(bridges: readonly Links[]): string[] {
  if (bridges.length === 0) return [];
  const spanning = bridges.filter(({ vxlan }) => vxlan !== undefined);
  const vxlans = spanning.flatMap(({ vxlan }) => vxlan ?? []);
  const inwards = pairs(
    spanning,
    ({ vxlan }) => (vxlan === undefined ? [] : [vxlan]),
    ({ bridge }) => [bridge],
  );
  return [
    `oifname ${names(bridges.flatMap(linkNames))} iifname . oifname != ${pairs(bridges, linkNames, linkNames)} drop`,
    ...(vxlans.length === 0 ? [] : [`iifname ${names(vxlans)} iifname . oifname != ${inwards} drop`]),
  ];
}

/** Sets instead of a rule for each network: a packet is looked up once, however many networks there are. */
function pairs<T>(
  networks: readonly T[],
  from: (of: T) => readonly string[],
  to: (of: T) => readonly string[],
): string {
  const all = networks.flatMap((network) => from(network).flatMap((a) => to(network).map((b) => `"${a}" . "${b}"`)));
  return `{ ${all.join(', ')} }`;
}

export function postroutingRules(
  of: RuleFamily,
  bridges: readonly BridgeRules[],
  ingress: IngressRules | undefined,
): string[] {
  return bridges.flatMap((network) => wayOut(of, network, ingress));
}

function wayOut(
  { family, loopback, routesLoopback }: RuleFamily,
  network: BridgeRules,
  ingress: IngressRules | undefined,
): string[] {
  const { bridge, subnet, internal, vxlan } = network;
  const from = `${family} saddr ${subnet}`;
  // A service's own address leads back to the one that asks also where nothing leads out.
  const backToItself = `${from} oifname "${bridge}" ct status dnat ${family} saddr . ${family} daddr @itself masquerade`;
  if (internal) return vxlan === undefined ? [] : [backToItself];
  // Addresses of networks that span nodes are the only ones of their kind: another node's task may see them.
  const inside = vxlan === undefined || ingress === undefined ? links(network) : links(network, ingress.link);
  return [
    // Out of the network; also to another network's published port, so that the answer comes back through the host.
    `${from} oifname != ${inside} masquerade`,
    // To a published port whose target is a neighbour, which would answer directly and be a stranger to the client; of a
    // network that spans nodes only to one that is the client itself.
    vxlan === undefined ? `${from} oifname "${bridge}" ct status dnat masquerade` : backToItself,
    // From the host's own 127.0.0.1.
    ...(routesLoopback ? [`${family} saddr ${loopback} oifname "${bridge}" masquerade`] : []),
  ];
}

/** All that the network's own packets come from and go to. */
function linkNames({ bridge, vxlan }: Links): string[] {
  return [bridge, ...(vxlan === undefined ? [] : [vxlan])];
}

function links(network: Links, ...more: readonly string[]): string {
  return names([...linkNames(network), ...more]);
}

function names(links: readonly string[]): string {
  const quoted = links.map((name) => `"${name}"`);
  return quoted.length === 1 ? quoted.join() : `{ ${quoted.join(', ')} }`;
}
