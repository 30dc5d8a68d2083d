/**
 * The node's nftables rules as one text, from what is to be published and which bridges there are. Pure.
 *
 * One table of our own. `nft -f` runs the text as one transaction: packets see the old rules or the new ones, and
 * connections that are under way keep the addresses that they were given.
 */

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
  readonly targets: readonly PortTarget[];
}

export interface PortTarget {
  readonly address: string;
  readonly port: number;
}

export function tableName(instance: string): string {
  return `gantry-${instance}`;
}

/** Makes the table if missing and replaces what is in it. `itself`: addresses of this node's containers on networks that span nodes. */
export function renderRuleset(
  instance: string,
  bridges: readonly BridgeRules[],
  ports: readonly PublishedPort[],
  itself: readonly string[],
): string {
  const sorted = bridges.toSorted((a, b) => compare(a.bridge, b.bridge));
  const table = `table ip ${tableName(instance)}`;
  return [
    table,
    `flush ${table}`,
    `${table} {`,
    ...itselfSet(itself),
    ...chain('loopback', 'type filter hook prerouting priority -300; policy accept;', loopbackRules(sorted)),
    ...chain('prerouting', 'type nat hook prerouting priority -100; policy accept;', [
      // 127.0.0.0/8 arrives from outside only by forgery; ports published there are for the output chain alone.
      'ip daddr != 127.0.0.0/8 fib daddr type local jump publish',
    ]),
    ...chain('output', 'type nat hook output priority -100; policy accept;', ['fib daddr type local jump publish']),
    ...chain('publish', undefined, ports.toSorted(comparePorts).flatMap(publishRule)),
    ...chain('input', 'type filter hook input priority 0; policy accept;', sorted.map(forgeryRule)),
    ...chain('redirects', 'type filter hook output priority 0; policy accept;', sorted.flatMap(redirectRules)),
    ...chain('forward', 'type filter hook forward priority 0; policy accept;', forwardRules(sorted)),
    ...chain('postrouting', 'type nat hook postrouting priority 100; policy accept;', sorted.flatMap(postroutingRules)),
    '}',
    '',
  ].join('\n');
}

/** Pairs of each container's address and itself: a rule can't compare where a packet is from with where it goes. */
function itselfSet(addresses: readonly string[]): string[] {
  const elements = addresses.toSorted(compare).map((address) => `${address} . ${address}`);
  return [
    '  set itself {',
    '    type ipv4_addr . ipv4_addr',
    ...(elements.length === 0 ? [] : [`    elements = { ${elements.join(', ')} }`]),
    '  }',
  ];
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

/** With route_localnet on a bridge, a container could reach what listens on the host's 127.0.0.1. */
function loopbackRules(bridges: readonly BridgeRules[]): string[] {
  return bridges.map(({ bridge }) => `iifname "${bridge}" ip daddr 127.0.0.0/8 drop`);
}

function publishRule(published: PublishedPort): string[] {
  if (published.targets.length === 0) return [];
  const address = published.hostIp === '' ? '' : `ip daddr ${published.hostIp} `;
  return [`${address}${published.protocol} dport ${published.port} ${destination(published.targets)}`];
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
function forgeryRule({ bridge }: BridgeRules): string {
  return `iifname "${bridge}" udp dport ${VXLAN_PORT} reject with icmp admin-prohibited`;
}

/** Containers of a network that spans nodes must not be told to reach each other without their host. */
function redirectRules({ bridge, vxlan }: BridgeRules): string[] {
  return vxlan === undefined ? [] : [`oifname "${bridge}" icmp type redirect drop`];
}

/**
 * A network is reached from its own links and through published ports, from nowhere else; an internal network
 * neither sends nor receives anything across them. Frames within a bridge come by here too where the kernel
 * runs bridged packets through IP hooks (br_netfilter): in and out are the same bridge then.
 */
function forwardRules(bridges: readonly BridgeRules[]): string[] {
  const internal = bridges.filter((network) => network.internal);
  return [
    ...bridges.map(forgeryRule),
    ...internal.flatMap((network) => [
      `iifname ${links(network)} oifname != ${links(network)} drop`,
      `oifname ${links(network)} iifname != ${links(network)} drop`,
    ]),
    // What conntrack can't place is not translated back either: it would leave with the container's own address.
    ...bridges.map((network) => `iifname "${network.bridge}" oifname != ${links(network)} ct state invalid drop`),
    'ct state established,related accept',
    'ct status dnat accept',
    ...bridges.flatMap(({ vxlan, subnet }) =>
      vxlan === undefined ? [] : [`iifname "${vxlan}" ip saddr != ${subnet} drop`],
    ),
    ...bridges.map((network) => `oifname ${links(network)} iifname != ${links(network)} drop`),
    ...bridges.flatMap((network) =>
      network.vxlan === undefined ? [] : [`iifname "${network.vxlan}" oifname != "${network.bridge}" drop`],
    ),
  ];
}

/** All that the network's own packets come from and go to. */
function links({ bridge, vxlan }: BridgeRules): string {
  return vxlan === undefined ? `"${bridge}"` : `{ "${bridge}", "${vxlan}" }`;
}

function postroutingRules(network: BridgeRules): string[] {
  const { bridge, subnet, internal, vxlan } = network;
  if (internal) return [];
  return [
    // Out of the network; also to another network's published port, so that the answer comes back through the host.
    `ip saddr ${subnet} oifname != ${links(network)} masquerade`,
    // To a published port whose target is a neighbour, which would answer directly and be a stranger to the client; of a
    // network that spans nodes only to one that is the client itself.
    vxlan === undefined
      ? `ip saddr ${subnet} oifname "${bridge}" ct status dnat masquerade`
      : `ip saddr ${subnet} oifname "${bridge}" ct status dnat ip saddr . ip daddr @itself masquerade`,
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
