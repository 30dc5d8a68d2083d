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
    ...chain('prerouting', 'type nat hook prerouting priority -100; policy accept;', [publish]),
    ...chain('output', 'type nat hook output priority -100; policy accept;', [publish]),
    ...chain('publish', undefined, ports.toSorted(comparePorts).flatMap(publishRule)),
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

/** A network is reached from its own bridge and through published ports only; an internal one only from its bridge. */
function forwardRules(bridges: readonly BridgeRules6[]): string[] {
  const internal = bridges.filter((network) => network.internal);
  return [
    ...internal.flatMap(({ bridge }) => [
      `iifname "${bridge}" oifname != "${bridge}" drop`,
      `oifname "${bridge}" iifname != "${bridge}" drop`,
    ]),
    // What conntrack can't place is not translated back either: it would leave with the container's own address.
    ...bridges.map(({ bridge }) => `iifname "${bridge}" oifname != "${bridge}" ct state invalid drop`),
    'ct state established,related accept',
    'ct status dnat accept',
    ...bridges.map(({ bridge }) => `oifname "${bridge}" iifname != "${bridge}" drop`),
  ];
}

function wayOut({ bridge, subnet, internal }: BridgeRules6): string[] {
  if (internal) return [];
  return [
    // Out of the network; also to another network's published port, so that the answer comes back through the host.
    `ip6 saddr ${subnet} oifname != "${bridge}" masquerade`,
    // To a published port whose target is a neighbour, which would answer directly and be a stranger to the client.
    `ip6 saddr ${subnet} oifname "${bridge}" ct status dnat masquerade`,
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
