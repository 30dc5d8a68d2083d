/**
 * The node's nftables rules as one text for each family, from what is to be published and which bridges there are. Pure.
 *
 * One table of our own in each. `nft -f` runs the text as one transaction: packets see the old rules or the new ones, and
 * connections that are under way keep the addresses that they were given.
 */
import { type AddressPairs, pairOf } from './address-pairs.ts';
import type { TableFamily } from './netlink/nf-batch.ts';
import {
  type BridgeRules,
  forgeryRules,
  forwardRules,
  loopbackRules,
  postroutingRules,
  redirectRules,
} from './rules/bridge-rules.ts';
import {
  fromNodeRules,
  type IngressRules,
  nobodyHereRules,
  originRules,
  outerRules,
  toNodeRules,
  wayRules,
  zoneRules,
} from './rules/node-rules.ts';
import { hereRules, type PublishedPort, publishRules } from './rules/port-rules.ts';
import { IPV4_RULES, type RuleFamily } from './rules/rule-family.ts';
import { chain, compare } from './rules/rule-text.ts';

export interface Ruleset {
  readonly bridges: readonly BridgeRules[];
  readonly ports: readonly PublishedPort[];
  /** Undefined on a host that is in no cluster, and for IPv6 where no port of a service is published on it. */
  readonly ingress: IngressRules | undefined;
}

export function tableName(instance: string): string {
  return `gantry-${instance}`;
}

/** What is in the set of the table that `renderRuleset` makes: what a host asks from, and what it is asked at. */
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
export function renderRuleset(instance: string, ruleset: Ruleset, of: RuleFamily = IPV4_RULES): string {
  const { ports, ingress } = ruleset;
  const bridges = ruleset.bridges.toSorted((a, b) => compare(a.bridge, b.bridge));
  const ofNodes = (rules: (ingress: IngressRules) => string[]) => (ingress === undefined ? [] : rules(ingress));
  const table = `table ${of.family} ${tableName(instance)}`;
  const toHost = 'fib daddr type local jump publish';
  // Loopback addresses arrive from outside only by forgery; ports published there are for the output chain alone.
  const toHostFromOutside = `${of.family} daddr != ${of.loopback} ${toHost}`;
  return [
    table,
    `flush ${table}`,
    `${table} {`,
    // Addresses of this node's containers on networks that span nodes, and of other nodes.
    '  set itself {',
    `    type ${of.addressType} . ${of.addressType}`,
    '  }',
    ...chain('raw', 'type filter hook prerouting priority -300; policy accept;', [
      ...loopbackRules(of, bridges, ingress),
      ...ofNodes(zoneRules),
    ]),
    ...chain('marks', 'type filter hook prerouting priority -150; policy accept;', [
      ...ofNodes(originRules),
      ...ofNodes(wayRules),
    ]),
    ...chain('ways', 'type route hook output priority -150; policy accept;', ofNodes(wayRules)),
    ...chain('prerouting', 'type nat hook prerouting priority -100; policy accept;', [
      ...ofNodes(fromNodeRules),
      toHostFromOutside,
    ]),
    ...chain('output', 'type nat hook output priority -100; policy accept;', [
      of.routesLoopback ? toHost : toHostFromOutside,
    ]),
    ...chain('publish', undefined, publishRules(of, ports)),
    ...chain('here', undefined, hereRules(of, ports)),
    ...chain('input', 'type filter hook input priority 0; policy accept;', [
      ...forgeryRules(of, bridges),
      ...ofNodes((nodes) => nobodyHereRules(of, nodes)),
    ]),
    ...chain('redirects', 'type filter hook output priority 0; policy accept;', redirectRules(of, bridges)),
    ...chain('forward', 'type filter hook forward priority 0; policy accept;', forwardRules(of, bridges, ingress)),
    ...chain('postrouting', 'type nat hook postrouting priority 100; policy accept;', [
      ...postroutingRules(of, bridges, ingress),
      ...ofNodes((nodes) => toNodeRules(of, nodes)),
    ]),
    ...chain('outer', 'type filter hook postrouting priority -150; policy accept;', ofNodes(outerRules)),
    '}',
    '',
  ].join('\n');
}

/** Removes the table; no error when there is none. */
export function renderRemoval(instance: string, { family }: RuleFamily = IPV4_RULES): string {
  const table = `table ${family} ${tableName(instance)}`;
  return `${table}\ndelete ${table}\n`;
}
