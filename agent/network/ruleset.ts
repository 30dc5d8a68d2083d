/**
 * The node's nftables rules as one text, from what is to be published and which bridges there are. Pure.
 *
 * One table of our own. `nft -f` runs the text as one transaction: packets see the old rules or the new ones, and
 * connections that are under way keep the addresses that they were given.
 */

import { type AddressPairs, pairOf } from './address-pairs.ts';
import { ORIGIN_MASK, OURS_MASK, OUTGOING, TOWARDS_NODES, towardsOrigin } from './ingress/marks.ts';
import type { TableFamily } from './netlink/nf-batch.ts';
import { VXLAN_PORT } from './network-record.ts';

export interface BridgeRules {
  readonly bridge: string;
  /** CIDR */
  readonly subnet: string;
  readonly internal: boolean;
  /** The link that leads to other nodes; undefined: the network is on this node alone. */
  readonly vxlan: string | undefined;
}

export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp';
  /** Empty: all of the host's addresses. */
  readonly hostIp: string;
  readonly port: number;
  /** Tasks' containers on this node, and other nodes, as often as they have tasks. */
  readonly targets: readonly PortTarget[];
  /** Where what another node has sent on goes. */
  readonly here: readonly PortTarget[];
}

/** What leads to the other nodes, for published ports; see ingress/marks.ts. */
export interface IngressRules {
  readonly link: string;
  readonly nodes: readonly { readonly mac: string; readonly number: number }[];
}

export interface Ruleset {
  readonly bridges: readonly BridgeRules[];
  readonly ports: readonly PublishedPort[];
  /** Undefined on a host that is in no cluster. */
  readonly ingress: IngressRules | undefined;
}

export interface PortTarget {
  readonly kind: 'container' | 'node';
  readonly address: string;
  readonly port: number;
}

export function tableName(instance: string): string {
  return `gantry-${instance}`;
}

/** What is in the set of the table that `renderRuleset` makes, or `renderRuleset6`: what a host asks from, and what it is asked at. */
export function itselfPairs(
  family: TableFamily,
  instance: string,
  hosts: readonly (readonly [from: string, to: string])[],
): AddressPairs {
  const own = hosts.filter(([from]) => from.includes(':') === (family === 'ip6'));
  const pairs = new Set(own.map(([from, to]) => pairOf(from, to)));
  return { table: { family, name: tableName(instance) }, set: 'itself', pairs };
}

/** Makes the table if missing and replaces the rules in it. */
export function renderRuleset(instance: string, { bridges, ports, ingress }: Ruleset): string {
  const sorted = bridges.toSorted((a, b) => compare(a.bridge, b.bridge));
  const table = `table ip ${tableName(instance)}`;
  return [
    table,
    `flush ${table}`,
    `${table} {`,
    // Addresses of this node's containers on networks that span nodes, and of other nodes.
    '  set itself {',
    '    type ipv4_addr . ipv4_addr',
    '  }',
    ...chain('raw', 'type filter hook prerouting priority -300; policy accept;', [
      ...loopbackRules(sorted, ingress),
      ...zoneRules(ingress),
    ]),
    ...chain('marks', 'type filter hook prerouting priority -150; policy accept;', [
      ...originRules(ingress),
      ...wayRules(ingress),
    ]),
    ...chain('ways', 'type route hook output priority -150; policy accept;', wayRules(ingress)),
    ...chain('prerouting', 'type nat hook prerouting priority -100; policy accept;', [
      ...(ingress === undefined ? [] : [`iifname "${ingress.link}" fib daddr type local goto here`]),
      // 127.0.0.0/8 arrives from outside only by forgery; ports published there are for the output chain alone.
      'ip daddr != 127.0.0.0/8 fib daddr type local jump publish',
    ]),
    ...chain('output', 'type nat hook output priority -100; policy accept;', ['fib daddr type local jump publish']),
    ...chain('publish', undefined, ports.toSorted(comparePorts).flatMap(publishRule)),
    ...chain('here', undefined, ports.toSorted(comparePorts).flatMap(hereRule)),
    ...chain('input', 'type filter hook input priority 0; policy accept;', [
      ...forgeryRules(sorted),
      ...nobodyHereRules(ingress),
    ]),
    ...chain('redirects', 'type filter hook output priority 0; policy accept;', redirectRules(sorted)),
    ...chain('forward', 'type filter hook forward priority 0; policy accept;', forwardRules(sorted, ingress)),
    ...chain('postrouting', 'type nat hook postrouting priority 100; policy accept;', [
      ...sorted.flatMap((network) => postroutingRules(network, ingress)),
      ...(ingress === undefined ? [] : toNodeRules(ingress)),
    ]),
    ...chain('outer', 'type filter hook postrouting priority -150; policy accept;', outerRules(ingress)),
    '}',
    '',
  ].join('\n');
}

/** Removes the table; no error when there is none. */
export function renderRemoval(instance: string): string {
  const table = `table ip ${tableName(instance)}`;
  return `${table}\ndelete ${table}\n`;
}

function chain(name: string, hook: string | undefined, rules: readonly string[]): string[] {
  const body = [...(hook === undefined ? [] : [hook]), ...rules];
  return [`  chain ${name} {`, ...body.map((line) => `    ${line}`), '  }'];
}

/** With route_localnet on a link, who is behind it could reach what listens on the host's 127.0.0.1. */
function loopbackRules(bridges: readonly BridgeRules[], ingress: IngressRules | undefined): string[] {
  const links = [...bridges.map(({ bridge }) => bridge), ...(ingress === undefined ? [] : [ingress.link])];
  return links.length === 0 ? [] : [`ip daddr 127.0.0.0/8 iifname ${names(links)} drop`];
}

/** A client may use the same port towards two nodes that both send it on to this one. */
export function zoneRules(ingress: IngressRules | undefined): string[] {
  if (ingress === undefined || ingress.nodes.length === 0) return [];
  const zones = ingress.nodes.map(({ mac, number }) => `${mac} : ${number}`);
  return [`iifname "${ingress.link}" ct original zone set ether saddr map { ${zones.join(', ')} }`];
}

/** Which node a connection came from. */
export function originRules(ingress: IngressRules | undefined): string[] {
  if (ingress === undefined || ingress.nodes.length === 0) return [];
  const marks = ingress.nodes.map(({ mac, number }) => `${mac} : ${towardsOrigin(number)}`);
  return [`ct state new iifname "${ingress.link}" ct mark set ether saddr map { ${marks.join(', ')} }`];
}

/** Which routing table is asked for a packet of a marked connection: to other nodes, or back to where it came from. */
export function wayRules(ingress: IngressRules | undefined): string[] {
  if (ingress === undefined) return [];
  const is = (bits: number, of: number) => `ct mark & ${hex(of)} == ${hex(bits)}`;
  return [
    // Nearly all connections aren't marked, and need no more than this.
    `ct mark & ${hex(OURS_MASK)} != ${hex(TOWARDS_NODES)} accept`,
    `ct direction original ${is(TOWARDS_NODES + OUTGOING, OURS_MASK + OUTGOING)} meta mark set ${hex(TOWARDS_NODES)}`,
    `ct direction reply ${is(TOWARDS_NODES, OURS_MASK)} ct mark & ${hex(ORIGIN_MASK)} != 0 meta mark set ct mark & ${hex(OURS_MASK + ORIGIN_MASK)}`,
  ];
}

function publishRule(published: PublishedPort): string[] {
  const { hostIp, protocol, port, targets } = published;
  if (targets.length === 0) return [];
  const address = hostIp === '' ? '' : `ip daddr ${hostIp} `;
  return [`${address}${protocol} dport ${port} ${mark(targets)}${destination(targets)}`];
}

/** Whatever address of another node the client has asked for. */
function hereRule({ protocol, port, here }: PublishedPort): string[] {
  return here.length === 0 ? [] : [`${protocol} dport ${port} ${mark(here)}${destination(here)}`];
}

function mark(targets: readonly PortTarget[]): string {
  if (!targets.some(({ kind }) => kind === 'node')) return '';
  return `meta mark set ${hex(TOWARDS_NODES)} ct mark set ct mark or ${hex(TOWARDS_NODES + OUTGOING)} `;
}

/** What must not arrive at another node under the address that it has. */
function toNodeRules({ link }: IngressRules): string[] {
  return [
    `ip saddr 127.0.0.0/8 oifname "${link}" masquerade`,
    // A node that asks another one, and is sent to itself.
    `oifname "${link}" ip saddr . ip daddr @itself masquerade`,
  ];
}

/** Another node has sent it here, but there is no task (any more), or the port isn't published: the client hears so. */
function nobodyHereRules(ingress: IngressRules | undefined): string[] {
  if (ingress === undefined) return [];
  return [
    `ct state new iifname "${ingress.link}" meta l4proto tcp reject with tcp reset`,
    `ct state new iifname "${ingress.link}" reject with icmp port-unreachable`,
  ];
}

function hex(bits: number): string {
  return `0x${(bits >>> 0).toString(16)}`;
}

/** In turn, so that every target gets the same share of new connections. */
function destination(targets: readonly PortTarget[]): string {
  const [only, ...others] = targets;
  if (only !== undefined && others.length === 0) return `dnat to ${only.address}:${only.port}`;
  const elements = targets
    .toSorted((a, b) => compare(`${a.address}:${a.port}`, `${b.address}:${b.port}`))
    .map((target, index) => `${index} : ${target.address} . ${target.port}`);
  return `dnat ip to numgen inc mod ${targets.length} map { ${elements.join(', ')} }`;
}

/**
 * What a container sends to the port that nodes' VXLANs listen on would be taken for another network's, once it has left
 * under this node's address.
 */
function forgeryRules(bridges: readonly BridgeRules[]): string[] {
  if (bridges.length === 0) return [];
  const from = names(bridges.map(({ bridge }) => bridge));
  return [`udp dport ${VXLAN_PORT} iifname ${from} reject with icmp admin-prohibited`];
}

/** Containers of a network that spans nodes must not be told to reach each other without their host. */
function redirectRules(bridges: readonly BridgeRules[]): string[] {
  const spanning = bridges.filter(({ vxlan }) => vxlan !== undefined).map(({ bridge }) => bridge);
  return spanning.length === 0 ? [] : [`icmp type redirect oifname ${names(spanning)} drop`];
}

/** The packet that a VXLAN puts around it is routed by the same mark, and must not come back to the VXLAN. */
export function outerRules(ingress: IngressRules | undefined): string[] {
  return ingress === undefined ? [] : [`meta mark != 0 oifname "${ingress.link}" meta mark set 0`];
}

/**
 * A network is reached from its own links and through published ports, from nowhere else; an internal network
 * neither sends nor receives anything across them. Frames within a bridge come by here too where the kernel
 * runs bridged packets through IP hooks (br_netfilter): in and out are the same bridge then.
 */
function forwardRules(bridges: readonly BridgeRules[], ingress: IngressRules | undefined): string[] {
  return [
    ...forgeryRules(bridges),
    ...internalRules(bridges),
    'ct state established,related accept',
    // What conntrack can't place is not translated back either: it would leave with the container's own address.
    ...invalidRules(bridges),
    'ct status dnat accept',
    ...bridges.flatMap(({ vxlan, subnet }) =>
      vxlan === undefined ? [] : [`iifname "${vxlan}" ip saddr != ${subnet} drop`],
    ),
    ...isolationRules(bridges),
    // But for published ports nobody goes from node to node this way.
    ...(ingress === undefined ? [] : [`iifname "${ingress.link}" drop`, `oifname "${ingress.link}" drop`]),
  ];
}

type Links = Pick<BridgeRules, 'bridge' | 'vxlan'>;

/** An internal network neither sends nor receives anything across its links, whatever was allowed once. */
export function internalRules(bridges: readonly (Links & { readonly internal: boolean })[]): string[] {
  const internal = bridges.filter((network) => network.internal);
  if (internal.length === 0) return [];
  const own = names(internal.flatMap(linkNames));
  const across = `iifname . oifname != ${pairs(internal, linkNames, linkNames)} drop`;
  return [`iifname ${own} ${across}`, `oifname ${own} ${across}`];
}

export function invalidRules(bridges: readonly Links[]): string[] {
  if (bridges.length === 0) return [];
  const from = names(bridges.map(({ bridge }) => bridge));
  const inside = pairs(bridges, ({ bridge }) => [bridge], linkNames);
  return [`ct state invalid iifname ${from} iifname . oifname != ${inside} drop`];
}

/** Into a network only from itself; from its other nodes only to its containers here. */
export function isolationRules(bridges: readonly Links[]): string[] {
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

/** All that the network's own packets come from and go to. */
function linkNames({ bridge, vxlan }: Links): string[] {
  return [bridge, ...(vxlan === undefined ? [] : [vxlan])];
}

export function links(network: Links, ...more: readonly string[]): string {
  return names([...linkNames(network), ...more]);
}

export function names(links: readonly string[]): string {
  const quoted = links.map((name) => `"${name}"`);
  return quoted.length === 1 ? quoted.join() : `{ ${quoted.join(', ')} }`;
}

function postroutingRules(network: BridgeRules, ingress: IngressRules | undefined): string[] {
  const { bridge, subnet, internal, vxlan } = network;
  // A service's own address leads back to the one that asks also where nothing leads out.
  const backToItself = `ip saddr ${subnet} oifname "${bridge}" ct status dnat ip saddr . ip daddr @itself masquerade`;
  if (internal) return vxlan === undefined ? [] : [backToItself];
  // Addresses of networks that span nodes are the only ones of their kind: another node's task may see them.
  const inside = vxlan === undefined || ingress === undefined ? links(network) : links(network, ingress.link);
  return [
    // Out of the network; also to another network's published port, so that the answer comes back through the host.
    `ip saddr ${subnet} oifname != ${inside} masquerade`,
    // To a published port whose target is a neighbour, which would answer directly and be a stranger to the client; of a
    // network that spans nodes only to one that is the client itself.
    vxlan === undefined ? `ip saddr ${subnet} oifname "${bridge}" ct status dnat masquerade` : backToItself,
    // From the host's own 127.0.0.1.
    `ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade`,
  ];
}

/** A port on one address comes before the same port on all. */
function comparePorts(a: PublishedPort, b: PublishedPort): number {
  return compare(sortKey(a), sortKey(b));
}

function sortKey({ protocol, port, hostIp }: PublishedPort): string {
  return `${protocol} ${String(port).padStart(5, '0')} ${hostIp === '' ? 'all' : hostIp}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
