import { describe, expect, it } from 'vitest';
import { renderVipChanges, renderVipRemoval, renderVipTable, type VipRule, vipRules, vipTable } from './vip-rules.ts';

const table = vipTable('ab', 'ip');
const web: VipRule = { bridge: 'br1', address: '10.1.15.2', targets: ['10.1.0.2', '10.1.0.3'] };
const db: VipRule = { bridge: 'br1', address: '10.1.15.3', targets: ['10.1.0.4'] };
const none: VipRule = { bridge: 'br2', address: '10.2.15.3', targets: [] };

const changes = (before: readonly VipRule[], after: readonly VipRule[]) =>
  renderVipChanges(table, vipRules(before), vipRules(after)).trimEnd().split('\n');

describe("the table of services' own addresses", () => {
  it('is made anew as a whole', () => {
    const lines = renderVipTable(table, vipRules([web, db, none])).split('\n');
    expect(lines.slice(0, 3)).toEqual([
      'table ip gantry-ab-vip',
      'delete table ip gantry-ab-vip',
      'table ip gantry-ab-vip {',
    ]);
    expect(lines).toContain('    iifname . ip daddr vmap @services');
    expect(lines.slice(lines.indexOf('}') + 1)).toEqual([
      'add chain ip gantry-ab-vip to-br1-10.1.15.2',
      'add rule ip gantry-ab-vip to-br1-10.1.15.2 meta l4proto udp add @asked { ip daddr }',
      'add rule ip gantry-ab-vip to-br1-10.1.15.2 dnat ip to numgen inc mod 2 map { 0 : 10.1.0.2, 1 : 10.1.0.3 }',
      'add element ip gantry-ab-vip services { "br1" . 10.1.15.2 : goto to-br1-10.1.15.2 }',
      'add chain ip gantry-ab-vip to-br1-10.1.15.3',
      'add rule ip gantry-ab-vip to-br1-10.1.15.3 meta l4proto udp add @asked { ip daddr }',
      'add rule ip gantry-ab-vip to-br1-10.1.15.3 dnat ip to 10.1.0.4',
      'add element ip gantry-ab-vip services { "br1" . 10.1.15.3 : goto to-br1-10.1.15.3 }',
      'add element ip gantry-ab-vip unserved { "br2" . 10.2.15.3 }',
      '',
    ]);
  });

  it('is one of its own for IPv6', () => {
    const web6: VipRule = { bridge: 'br1', address: 'fd00:1::f02', targets: ['fd00:1::2', 'fd00:1::3'] };
    const lines = renderVipTable(vipTable('ab', 'ip6'), vipRules([web6])).split('\n');
    expect(lines).toContain('    iifname . ip6 daddr vmap @services');
    expect(lines.slice(lines.indexOf('}') + 1)).toEqual([
      'add chain ip6 gantry-ab-vip to-br1-fd00_1__f02',
      'add rule ip6 gantry-ab-vip to-br1-fd00_1__f02 meta l4proto udp add @asked { ip6 daddr }',
      'add rule ip6 gantry-ab-vip to-br1-fd00_1__f02 dnat ip6 to numgen inc mod 2 map { 0 : fd00:1::2, 1 : fd00:1::3 }',
      'add element ip6 gantry-ab-vip services { "br1" . fd00:1::f02 : goto to-br1-fd00_1__f02 }',
      '',
    ]);
  });

  it('is changed no more than it must be', () => {
    expect(changes([web, db], [web, { ...db, targets: ['10.1.0.4', '10.1.0.5'] }])).toEqual([
      'flush chain ip gantry-ab-vip to-br1-10.1.15.3',
      'add rule ip gantry-ab-vip to-br1-10.1.15.3 meta l4proto udp add @asked { ip daddr }',
      'add rule ip gantry-ab-vip to-br1-10.1.15.3 dnat ip to numgen inc mod 2 map { 0 : 10.1.0.4, 1 : 10.1.0.5 }',
    ]);
    expect(renderVipChanges(table, vipRules([web, db]), vipRules([db, { ...web }]))).toBe('');
  });

  it('loses what has gone', () => {
    expect(changes([web, none], [])).toEqual([
      'delete element ip gantry-ab-vip services { "br1" . 10.1.15.2 : goto to-br1-10.1.15.2 }',
      'flush chain ip gantry-ab-vip to-br1-10.1.15.2',
      'delete chain ip gantry-ab-vip to-br1-10.1.15.2',
      'delete element ip gantry-ab-vip unserved { "br2" . 10.2.15.3 }',
    ]);
  });

  it('refuses those who ask for a service without a task, until it has one', () => {
    const [gone, back] = [changes([db], [{ ...db, targets: [] }]), changes([{ ...db, targets: [] }], [db])];
    expect(gone.at(-1)).toBe('add element ip gantry-ab-vip unserved { "br1" . 10.1.15.3 }');
    expect(back[0]).toBe('delete element ip gantry-ab-vip unserved { "br1" . 10.1.15.3 }');
  });

  it('goes without an error when there is none', () => {
    expect(renderVipRemoval(table)).toBe('table ip gantry-ab-vip\ndelete table ip gantry-ab-vip\n');
  });
});
