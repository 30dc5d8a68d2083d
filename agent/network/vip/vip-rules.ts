/**
 * nftables rules for services' own addresses, in a table by themselves: what leads from one state to another is told as
 * changes, since there may be a thousand services, and one of them changes at a time. Pure.
 *
 * A packet to such an address is sent on to a task at its client's own host, so the task sees who the client is. The map's keys
 * name the network's bridge, too: who isn't on the network reaches nobody by it.
 */

import { IPPROTO_UDP } from '../netlink/conntrack.ts';
import type { Request } from '../netlink/message.ts';
import { addRule, flushChain } from '../netlink/nf-batch.ts';
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

export function vipTableName(instance: string): string {
  return `gantry-${instance}-vip`;
}

/** Makes the table anew, whatever is there. */
export function renderVipTable(instance: string, rules: VipRules): string {
  const table = `table ip ${vipTableName(instance)}`;
  const all = [...rules.values()];
  return [
    // Deleted with all that is in it; made first, so that this is no error when there is none.
    table,
    `delete ${table}`,
    `${table} {`,
    '  map services {',
    '    type ifname . ipv4_addr : verdict',
    '  }',
    `  set ${UDP_SET} {`,
    '    type ipv4_addr',
    '    size 65535',
    '    flags dynamic',
    '  }',
    '  set unserved {',
    '    type ifname . ipv4_addr',
    '  }',
    '  chain prerouting {',
    '    type nat hook prerouting priority -100; policy accept;',
    '    iifname . ip daddr vmap @services',
    '  }',
    '  chain forward {',
    '    type filter hook forward priority -1; policy accept;',
    '    iifname . ip daddr @unserved meta l4proto tcp reject with tcp reset',
    '    iifname . ip daddr @unserved reject with icmp port-unreachable',
    '  }',
    '}',
    ...all.flatMap((rule) => additions(vipTableName(instance), rule)),
    '',
  ].join('\n');
}

/** Removes the table; no error when there is none. */
export function renderVipRemoval(instance: string): string {
  const table = `table ip ${vipTableName(instance)}`;
  return `${table}\ndelete ${table}\n`;
}

/** The same as messages to the kernel, where no more differs than the tasks that services have; else undefined. */
export function destinationChanges(instance: string, before: VipRules, after: VipRules): Request[] | undefined {
  if (before.size !== after.size) return undefined;
  const changed: VipRule[] = [];
  for (const [key, rule] of after) {
    const known = before.get(key);
    if (known === undefined || (known.targets.length === 0) !== (rule.targets.length === 0)) return undefined;
    if (known.targets.join() !== rule.targets.join()) changed.push(rule);
  }
  const table = vipTableName(instance);
  return changed.flatMap((rule, index) => [
    flushChain(table, chainName(rule)),
    addRule(table, chainName(rule), rememberDestination(IPPROTO_UDP, UDP_SET)),
    ...addDestinations(table, chainName(rule), rule.targets, index + 1),
  ]);
}

/** Empty when nothing differs. */
export function renderVipChanges(instance: string, before: VipRules, after: VipRules): string {
  const table = vipTableName(instance);
  const lines = [
    ...[...before].flatMap(([key, rule]) => (after.has(key) ? [] : removals(table, rule))),
    ...[...after].flatMap(([key, rule]) => {
      const known = before.get(key);
      return known === undefined ? additions(table, rule) : changes(table, known, rule);
    }),
  ];
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function additions(table: string, rule: VipRule): string[] {
  if (rule.targets.length === 0) return [`add element ip ${table} unserved { ${element(rule)} }`];
  return [
    `add chain ip ${table} ${chainName(rule)}`,
    ...rulesOf(table, rule),
    `add element ip ${table} services { ${element(rule)} : goto ${chainName(rule)} }`,
  ];
}

function removals(table: string, rule: VipRule): string[] {
  if (rule.targets.length === 0) return [`delete element ip ${table} unserved { ${element(rule)} }`];
  return [
    `delete element ip ${table} services { ${element(rule)} : goto ${chainName(rule)} }`,
    `flush chain ip ${table} ${chainName(rule)}`,
    `delete chain ip ${table} ${chainName(rule)}`,
  ];
}

function changes(table: string, before: VipRule, after: VipRule): string[] {
  if (before.targets.join() === after.targets.join()) return [];
  if (before.targets.length === 0 || after.targets.length === 0) {
    return [...removals(table, before), ...additions(table, after)];
  }
  return [`flush chain ip ${table} ${chainName(after)}`, ...rulesOf(table, after)];
}

/** Only of a connection's first packet. */
function rulesOf(table: string, rule: VipRule): string[] {
  return [
    `add rule ip ${table} ${chainName(rule)} meta l4proto udp add @${UDP_SET} { ip daddr }`,
    `add rule ip ${table} ${chainName(rule)} ${destination(rule.targets)}`,
  ];
}

function element({ bridge, address }: VipRule): string {
  return `"${bridge}" . ${address}`;
}

function chainName({ bridge, address }: VipRule): string {
  return `to-${bridge}-${address}`;
}

/** In turn, so that every task gets the same share of new connections. */
function destination(targets: readonly string[]): string {
  const [only, ...others] = targets;
  if (only !== undefined && others.length === 0) return `dnat ip to ${only}`;
  const elements = targets.map((target, index) => `${index} : ${target}`);
  return `dnat ip to numgen inc mod ${targets.length} map { ${elements.join(', ')} }`;
}
