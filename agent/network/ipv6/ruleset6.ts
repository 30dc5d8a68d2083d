/**
 * The node's nftables rules for IPv6 as one text, in a table beside the one for IPv4 (ruleset.ts). Pure.
 *
 * As with Docker, containers go out under the host's address: their own are known to nobody outside.
 */
import type { PublishedPort } from '../ruleset.ts';
import { tableName } from '../ruleset.ts';

export interface BridgeRules6 {
  readonly bridge: string;
  /** CIDR */
  readonly subnet: string;
  readonly internal: boolean;
  /** Link to other nodes, when it spans them. */
  readonly vxlan: string | undefined;
}

export interface Ruleset6 {
  readonly bridges: readonly BridgeRules6[];
  /** hostIp: an IPv6 address, "::" for all of the host's. */
  readonly ports: readonly PublishedPort[];
}

export const ALL_ADDRESSES6 = '::';
/** Packets from it can't leave the host, so what is published there is taken on by a socket; see relay6.ts. */
export const LOOPBACK6 = '::1';

/** Makes the table if missing and replaces the rules in it. Without networks there is none. */
export function renderRuleset6(instance: string, { bridges, ports }: Ruleset6): string {
  if (bridges.length === 0) return renderRemoval6(instance);
  const sorted = bridges.toSorted((a, b) => compare(a.bridge, b.bridge));
  const table = `table ip6 ${tableName(instance)}`;
  const publish = `ip6 daddr != ${LOOPBACK6} fib daddr type local jump publish`;
  return [
    table,
    `flush ${table}`,
    `${table} {`,
    // Addresses of this node's containers on networks that span nodes.
    '  set itself {',
    '    type ipv6_addr . ipv6_addr',
    '  }',
    ...chain('prerouting', 'type nat hook prerouting priority -100; policy accept;', [publish]),
    ...chain('output', 'type nat hook output priority -100; policy accept;', [publish]),
    ...chain('publish', undefined, ports.toSorted(comparePorts).flatMap(publishRule)),
    ...chain('redirects', 'type filter hook output priority 0; policy accept;', sorted.flatMap(redirectRules)),
    ...chain('forward', 'type filter hook forward priority 0; policy accept;', forwardRules(sorted)),
    ...chain('postrouting', 'type nat hook postrouting priority 100; policy accept;', sorted.flatMap(wayOut)),
    '}',
    '',
  ].join('\n');
}

/** Removes the table; no error when there is none. */
export function renderRemoval6(instance: string): string {
  const table = `table ip6 ${tableName(instance)}`;
  return `${table}\ndelete ${table}\n`;
}

function chain(name: string, hook: string | undefined, rules: readonly string[]): string[] {
  const body = [...(hook === undefined ? [] : [hook]), ...rules];
  return [`  chain ${name} {`, ...body.map((line) => `    ${line}`), '  }'];
}

function publishRule({ hostIp, protocol, port, targets }: PublishedPort): string[] {
  const [target] = targets;
  if (target === undefined || hostIp === LOOPBACK6) return [];
  const address = hostIp === ALL_ADDRESSES6 ? '' : `ip6 daddr ${hostIp} `;
  return [`${address}${protocol} dport ${port} dnat to [${target.address}]:${target.port}`];
}

/** Containers of a network that spans nodes must not be told to reach each other without their host. */
function redirectRules({ bridge, vxlan }: BridgeRules6): string[] {
  return vxlan === undefined ? [] : [`oifname "${bridge}" icmpv6 type nd-redirect drop`];
}

/** A network is reached from its own links and through published ports only; an internal one only from its links. */
function forwardRules(bridges: readonly BridgeRules6[]): string[] {
  const internal = bridges.filter((network) => network.internal);
  return [
    ...internal.flatMap((network) => [
      `iifname ${links(network)} oifname != ${links(network)} drop`,
      `oifname ${links(network)} iifname != ${links(network)} drop`,
    ]),
    // What conntrack can't place is not translated back either: it would leave with the container's own address.
    ...bridges.map((network) => `iifname "${network.bridge}" oifname != ${links(network)} ct state invalid drop`),
    'ct state established,related accept',
    'ct status dnat accept',
    ...bridges.flatMap(({ vxlan, subnet }) =>
      vxlan === undefined ? [] : [`iifname "${vxlan}" ip6 saddr != ${subnet} drop`],
    ),
    ...bridges.map((network) => `oifname ${links(network)} iifname != ${links(network)} drop`),
    ...bridges.flatMap(({ vxlan, bridge }) =>
      vxlan === undefined ? [] : [`iifname "${vxlan}" oifname != "${bridge}" drop`],
    ),
  ];
}

/** All that the network's own packets come from and go to. */
function links({ bridge, vxlan }: BridgeRules6): string {
  return vxlan === undefined ? `"${bridge}"` : `{ "${bridge}", "${vxlan}" }`;
}

function wayOut(network: BridgeRules6): string[] {
  const { bridge, subnet, internal, vxlan } = network;
  if (internal) return [];
  return [
    // Out of the network; also to another network's published port, so that the answer comes back through the host.
    `ip6 saddr ${subnet} oifname != ${links(network)} masquerade`,
    // To a published port whose target is a neighbour, which would answer directly and be a stranger to the client; of a
    // network that spans nodes only to one that is the client itself.
    vxlan === undefined
      ? `ip6 saddr ${subnet} oifname "${bridge}" ct status dnat masquerade`
      : `ip6 saddr ${subnet} oifname "${bridge}" ct status dnat ip6 saddr . ip6 daddr @itself masquerade`,
  ];
}

/** A port on one address comes before the same port on all. */
function comparePorts(a: PublishedPort, b: PublishedPort): number {
  return compare(sortKey(a), sortKey(b));
}

function sortKey({ protocol, port, hostIp }: PublishedPort): string {
  return `${protocol} ${String(port).padStart(5, '0')} ${hostIp === ALL_ADDRESSES6 ? 'x' : hostIp}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
