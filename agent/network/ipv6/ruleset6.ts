/**
 * The node's nftables rules for IPv6 as one text, in a table beside the one for IPv4 (ruleset.ts). Pure.
 *
 * As with Docker, containers go out under the host's address: their own are known to nobody outside.
 */
import {
  type IngressRules,
  internalRules,
  invalidRules,
  isolationRules,
  links,
  names,
  originRules,
  outerRules,
  type PortTarget,
  type PublishedPort,
  tableName,
  wayRules,
  zoneRules,
} from '../ruleset.ts';

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
  /** Undefined where no port of a service is published on IPv6. */
  readonly ingress: IngressRules | undefined;
}

export const ALL_ADDRESSES6 = '::';
/** Packets from it can't leave the host, so what is published there is taken on by a socket; see relay6.ts. */
export const LOOPBACK6 = '::1';

/** Makes the table if missing and replaces the rules in it. Without networks and ports there is none. */
export function renderRuleset6(instance: string, { bridges, ports, ingress }: Ruleset6): string {
  if (bridges.length === 0 && ingress === undefined) return renderRemoval6(instance);
  const sorted = bridges.toSorted((a, b) => compare(a.bridge, b.bridge));
  const table = `table ip6 ${tableName(instance)}`;
  const publish = `ip6 daddr != ${LOOPBACK6} fib daddr type local jump publish`;
  return [
    table,
    `flush ${table}`,
    `${table} {`,
    // Addresses of this node's containers on networks that span nodes, and of other nodes.
    '  set itself {',
    '    type ipv6_addr . ipv6_addr',
    '  }',
    ...chain('raw', 'type filter hook prerouting priority -300; policy accept;', zoneRules(ingress)),
    ...chain('marks', 'type filter hook prerouting priority -150; policy accept;', [
      ...originRules(ingress),
      ...wayRules(ingress),
    ]),
    ...chain('ways', 'type route hook output priority -150; policy accept;', wayRules(ingress)),
    ...chain('prerouting', 'type nat hook prerouting priority -100; policy accept;', [
      ...(ingress === undefined ? [] : [`iifname "${ingress.link}" fib daddr type local goto here`]),
      publish,
    ]),
    ...chain('output', 'type nat hook output priority -100; policy accept;', [publish]),
    ...chain('publish', undefined, ports.toSorted(comparePorts).flatMap(publishRule)),
    ...chain('here', undefined, ports.toSorted(comparePorts).flatMap(hereRule)),
    ...chain('input', 'type filter hook input priority 0; policy accept;', nobodyHereRules(ingress)),
    ...chain('redirects', 'type filter hook output priority 0; policy accept;', redirectRules(sorted)),
    ...chain('forward', 'type filter hook forward priority 0; policy accept;', forwardRules(sorted, ingress)),
    ...chain('postrouting', 'type nat hook postrouting priority 100; policy accept;', [
      ...sorted.flatMap((network) => wayOut(network, ingress)),
      // A node that asks another one, and is sent to itself.
      ...(ingress === undefined ? [] : [`oifname "${ingress.link}" ip6 saddr . ip6 daddr @itself masquerade`]),
    ]),
    ...chain('outer', 'type filter hook postrouting priority -150; policy accept;', outerRules(ingress)),
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
  if (targets.length === 0 || hostIp === LOOPBACK6) return [];
  const address = hostIp === ALL_ADDRESSES6 ? '' : `ip6 daddr ${hostIp} `;
  return [`${address}${protocol} dport ${port} ${destination(targets)}`];
}

/** Whatever the client has asked the other node. */
function hereRule({ protocol, port, here }: PublishedPort): string[] {
  return here.length === 0 ? [] : [`${protocol} dport ${port} ${destination(here)}`];
}

/** In turn, so that every target gets the same share of new connections. */
function destination(targets: readonly PortTarget[]): string {
  const [only, ...others] = targets;
  if (only !== undefined && others.length === 0) return `dnat to [${only.address}]:${only.port}`;
  const elements = targets
    .toSorted((a, b) => compare(`${a.address}:${a.port}`, `${b.address}:${b.port}`))
    .map((target, index) => `${index} : ${target.address} . ${target.port}`);
  return `dnat ip6 to numgen inc mod ${targets.length} map { ${elements.join(', ')} }`;
}

/** As for IPv4: the client hears that nobody is here (any more). */
function nobodyHereRules(ingress: IngressRules | undefined): string[] {
  if (ingress === undefined) return [];
  return [
    `ct state new iifname "${ingress.link}" meta l4proto tcp reject with tcp reset`,
    `ct state new iifname "${ingress.link}" reject with icmpv6 port-unreachable`,
  ];
}

/** Containers of a network that spans nodes must not be told to reach each other without their host. */
function redirectRules(bridges: readonly BridgeRules6[]): string[] {
  const spanning = bridges.filter(({ vxlan }) => vxlan !== undefined).map(({ bridge }) => bridge);
  return spanning.length === 0 ? [] : [`icmpv6 type nd-redirect oifname ${names(spanning)} drop`];
}

/** A network is reached from its own links and through published ports only; an internal one only from its links. */
function forwardRules(bridges: readonly BridgeRules6[], ingress: IngressRules | undefined): string[] {
  return [
    ...internalRules(bridges),
    'ct state established,related accept',
    ...invalidRules(bridges),
    'ct status dnat accept',
    ...bridges.flatMap(({ vxlan, subnet }) =>
      vxlan === undefined ? [] : [`iifname "${vxlan}" ip6 saddr != ${subnet} drop`],
    ),
    ...isolationRules(bridges),
    // But for published ports nobody goes from node to node this way.
    ...(ingress === undefined ? [] : [`iifname "${ingress.link}" drop`, `oifname "${ingress.link}" drop`]),
  ];
}

function wayOut(network: BridgeRules6, ingress: IngressRules | undefined): string[] {
  const { bridge, subnet, internal, vxlan } = network;
  const backToItself = `ip6 saddr ${subnet} oifname "${bridge}" ct status dnat ip6 saddr . ip6 daddr @itself masquerade`;
  if (internal) return vxlan === undefined ? [] : [backToItself];
  // Addresses of networks that span nodes are the only ones of their kind: another node's task may see them.
  const inside = vxlan === undefined || ingress === undefined ? links(network) : links(network, ingress.link);
  return [
    // Out of the network; also to another network's published port, so that the answer comes back through the host.
    `ip6 saddr ${subnet} oifname != ${inside} masquerade`,
    // To a published port whose target is a neighbour, which would answer directly and be a stranger to the client; of a
    // network that spans nodes only to one that is the client itself.
    vxlan === undefined ? `ip6 saddr ${subnet} oifname "${bridge}" ct status dnat masquerade` : backToItself,
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
