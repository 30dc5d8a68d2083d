/**
 * nftables rules for services' own addresses, in a table by themselves: what leads from one state to another is told as
 * changes, since there may be a thousand services, and one of them changes at a time. Pure.
 *
 * A packet to such an address is sent on to a task at its client's own host, so the task sees who the client is. The map's keys
 * name the network's bridge, too: who isn't on the network reaches nobody by it.
 */

import { IPPROTO_UDP } from '../netlink/conntrack.ts';
import type { Request } from '../netlink/message.ts';
import { addRule, flushChain, type Table, type TableFamily } from '../netlink/nf-batch.ts';
import { addDestinations, rememberDestination } from '../netlink/nf-elements.ts';

/** Which services' addresses were asked over UDP since the table was made. */
export const UDP_SET = 'asked';

export interface VipRule {
  readonly bridge: string;
  readonly address: string;
  readonly targets: readonly string[];
}

/** By `ruleKey`. */
export type VipRules = ReadonlyMap<string, VipRule>;

export function vipRules(rules: readonly VipRule[]): VipRules {
  return new Map(rules.map((rule) => [ruleKey(rule), rule]));
}

function ruleKey({ bridge, address }: VipRule): string {
  return `${bridge} ${address}`;
}

/** There is one of each family. */
export function vipTable(instance: string, family: TableFamily): Table {
  return { family, name: `gantry-${instance}-vip` };
}

const WORDS = {
  ip: { address: 'ipv4_addr', unreachable: 'icmp port-unreachable' },
  ip6: { address: 'ipv6_addr', unreachable: 'icmpv6 port-unreachable' },
} as const;

function words({ family, name }: Table) {
  return { ...WORDS[family], family, full: `${family} ${name}` };
}

/** Makes the table anew, whatever is there. */
export function renderVipTable(of: Table, rules: VipRules): string {
  const { family, full, address, unreachable } = words(of);
  const table = `table ${full}`;
  const all = [...rules.values()];
  return [
    // Deleted with all that is in it; made first, so that this is no error when there is none.
    table,
    `delete ${table}`,
    `${table} {`,
    '  map services {',
    `    type ifname . ${address} : verdict`,
    '  }',
    `  set ${UDP_SET} {`,
    `    type ${address}`,
    '    size 65535',
    '    flags dynamic',
    '  }',
    '  set unserved {',
    `    type ifname . ${address}`,
    '  }',
    '  chain prerouting {',
    '    type nat hook prerouting priority -100; policy accept;',
    `    iifname . ${family} daddr vmap @services`,
    '  }',
    '  chain forward {',
    '    type filter hook forward priority -1; policy accept;',
    // Nothing was ever established with such an address: only with the tasks that it led to.
    '    ct state established,related accept',
    `    iifname . ${family} daddr @unserved meta l4proto tcp reject with tcp reset`,
    `    iifname . ${family} daddr @unserved reject with ${unreachable}`,
    '  }',
    '}',
    ...all.flatMap((rule) => additions(of, rule)),
    '',
  ].join('\n');
}

/** Removes the table; no error when there is none. */
export function renderVipRemoval(of: Table): string {
  const table = `table ${words(of).full}`;
  return `${table}\ndelete ${table}\n`;
}

/** The same as messages to the kernel, where no more differs than the tasks that services have; else undefined. */
export function destinationChanges(table: Table, before: VipRules, after: VipRules): Request[] | undefined {
  if (before.size !== after.size) return undefined;
  const changed: VipRule[] = [];
  for (const [key, rule] of after) {
    const known = before.get(key);
    if (known === undefined || (known.targets.length === 0) !== (rule.targets.length === 0)) return undefined;
    if (known.targets.join() !== rule.targets.join()) changed.push(rule);
  }
  return changed.flatMap((rule, index) => [
    flushChain(table, chainName(rule)),
    addRule(table, chainName(rule), rememberDestination(table.family, IPPROTO_UDP, UDP_SET)),
    ...addDestinations(table, chainName(rule), rule.targets, index + 1),
  ]);
}

/** Empty when nothing differs. */
export function renderVipChanges(table: Table, before: VipRules, after: VipRules): string {
  const lines = [
    ...[...before].flatMap(([key, rule]) => (after.has(key) ? [] : removals(table, rule))),
    ...[...after].flatMap(([key, rule]) => {
      const known = before.get(key);
      return known === undefined ? additions(table, rule) : changes(table, known, rule);
    }),
  ];
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function additions(table: Table, rule: VipRule): string[] {
  if (rule.targets.length === 0) return [`add element ${words(table).full} unserved { ${element(rule)} }`];
  return [
    `add chain ${words(table).full} ${chainName(rule)}`,
    ...rulesOf(table, rule),
    `add element ${words(table).full} services { ${element(rule)} : goto ${chainName(rule)} }`,
  ];
}

function removals(table: Table, rule: VipRule): string[] {
  if (rule.targets.length === 0) return [`delete element ${words(table).full} unserved { ${element(rule)} }`];
  return [
    `delete element ${words(table).full} services { ${element(rule)} : goto ${chainName(rule)} }`,
    `flush chain ${words(table).full} ${chainName(rule)}`,
    `delete chain ${words(table).full} ${chainName(rule)}`,
  ];
}

function changes(table: Table, before: VipRule, after: VipRule): string[] {
  if (before.targets.join() === after.targets.join()) return [];
  if (before.targets.length === 0 || after.targets.length === 0) {
    return [...removals(table, before), ...additions(table, after)];
  }
  return [`flush chain ${words(table).full} ${chainName(after)}`, ...rulesOf(table, after)];
}

/** Only of a connection's first packet. */
function rulesOf(table: Table, rule: VipRule): string[] {
  return [
    `add rule ${words(table).full} ${chainName(rule)} meta l4proto udp add @${UDP_SET} { ${table.family} daddr }`,
    `add rule ${words(table).full} ${chainName(rule)} ${destination(table, rule.targets)}`,
  ];
}

function element({ bridge, address }: VipRule): string {
  return `"${bridge}" . ${address}`;
}

function chainName({ bridge, address }: VipRule): string {
  // nft(8) takes no colons in names.
  return `to-${bridge}-${address.replaceAll(':', '_')}`;
}

/** In turn, so that every task gets the same share of new connections. */
function destination({ family }: Table, targets: readonly string[]): string {
  const [only, ...others] = targets;
  if (only !== undefined && others.length === 0) return `dnat ${family} to ${only}`;
  const elements = targets.map((target, index) => `${index} : ${target}`);
  return `dnat ${family} to numgen inc mod ${targets.length} map { ${elements.join(', ')} }`;
}
