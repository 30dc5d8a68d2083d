import { describe, expect, it } from 'vitest';
import type { BridgeRules } from './rules/bridge-rules.ts';
import type { PublishedPort } from './rules/port-rules.ts';
import { renderRuleset as render, renderRemoval } from './ruleset.ts';

const renderRuleset = (instance: string, bridges: readonly BridgeRules[], ports: readonly PublishedPort[]) =>
  render(instance, { bridges, ports, ingress: undefined });

const outer: BridgeRules = { bridge: 'br1', subnet: '10.0.1.0/24', internal: false, vxlan: undefined };
const inner: BridgeRules = { bridge: 'br2', subnet: '10.0.2.0/24', internal: true, vxlan: undefined };

function chain(text: string, name: string): string[] {
  const body = new RegExp(`chain ${name} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*)\\n {2}\\}`).exec(text)?.[1] ?? '';
  return body
    .split('\n')
    .flatMap((line) =>
      line.trim() === '' || (line.includes('type ') && line.includes(' hook ')) ? [] : [line.trim()],
    );
}

function port(more: Partial<PublishedPort>): PublishedPort {
  return {
    protocol: 'tcp',
    hostIp: '',
    port: 8080,
    targets: [{ kind: 'container', address: '10.0.1.2', port: 80 }],
    here: [],
    ...more,
  };
}

describe('renderRuleset', () => {
  it('replaces what is in a table of its own, in one transaction', () => {
    const text = renderRuleset('ab12', [], []);
    expect(text.split('\n').slice(0, 3)).toEqual([
      'table ip gantry-ab12',
      'flush table ip gantry-ab12',
      'table ip gantry-ab12 {',
    ]);
    expect(renderRemoval('ab12')).toBe('table ip gantry-ab12\ndelete table ip gantry-ab12\n');
  });

  it('is the same whatever the order of networks, ports and targets', () => {
    const targets = [
      { kind: 'container', address: '10.0.1.3', port: 80 },
      { kind: 'container', address: '10.0.1.2', port: 80 },
    ] as const;
    const ports = [port({ targets }), port({ port: 99 }), port({ hostIp: '127.0.0.1', port: 99 })];
    const reversed = [
      port({ hostIp: '127.0.0.1', port: 99 }),
      port({ port: 99 }),
      port({ targets: targets.toReversed() }),
    ];
    expect(renderRuleset('i', [outer, inner], ports)).toBe(renderRuleset('i', [inner, outer], reversed));
  });

  it('sends a port with one target straight to it', () => {
    expect(chain(renderRuleset('i', [outer], [port({})]), 'publish')).toEqual(['tcp dport 8080 dnat to 10.0.1.2:80']);
  });

  it('sends a port with several targets to each in turn', () => {
    const targets = ['10.0.1.4', '10.0.1.2', '10.0.1.3'].map(
      (address) => ({ kind: 'container', address, port: 80 }) as const,
    );
    expect(chain(renderRuleset('i', [outer], [port({ protocol: 'udp', targets })]), 'publish')).toEqual([
      'udp dport 8080 dnat ip to numgen inc mod 3 map { 0 : 10.0.1.2 . 80, 1 : 10.0.1.3 . 80, 2 : 10.0.1.4 . 80 }',
    ]);
  });

  it('sends SCTP as it sends the others', () => {
    expect(chain(renderRuleset('i', [outer], [port({ protocol: 'sctp' })]), 'publish')).toEqual([
      'sctp dport 8080 dnat to 10.0.1.2:80',
    ]);
  });

  it('leaves out a port without a target', () => {
    expect(chain(renderRuleset('i', [outer], [port({ targets: [] })]), 'publish')).toEqual([]);
  });

  it('limits a port to its address, and puts it before the same port on all addresses', () => {
    const ports = [port({}), port({ hostIp: '192.0.2.1' })];
    expect(chain(renderRuleset('i', [outer], ports), 'publish')).toEqual([
      'ip daddr 192.0.2.1 tcp dport 8080 dnat to 10.0.1.2:80',
      'tcp dport 8080 dnat to 10.0.1.2:80',
    ]);
  });

  it('publishes for the host and for others, but 127/8 for the host alone', () => {
    const text = renderRuleset('i', [outer], []);
    expect(chain(text, 'prerouting')).toEqual(['ip daddr != 127.0.0.0/8 fib daddr type local jump publish']);
    expect(chain(text, 'output')).toEqual(['fib daddr type local jump publish']);
    expect(chain(text, 'raw')).toEqual(['ip daddr 127.0.0.0/8 iifname "br1" drop']);
  });

  it('lets into a network only what is published or answers', () => {
    expect(chain(renderRuleset('i', [outer], []), 'forward')).toEqual([
      'udp dport 4789 iifname "br1" reject with icmp admin-prohibited',
      'ct state established,related accept',
      'ct state invalid iifname "br1" iifname . oifname != { "br1" . "br1" } drop',
      'ct status dnat accept',
      'oifname "br1" iifname . oifname != { "br1" . "br1" } drop',
    ]);
  });

  it('looks a packet up once, however many networks there are', () => {
    const wide = { ...outer, bridge: 'br3', vxlan: 'vx3' };
    const forward = chain(renderRuleset('i', [outer, wide], []), 'forward');
    expect(forward.slice(-2)).toEqual([
      'oifname { "br1", "br3", "vx3" } iifname . oifname != { "br1" . "br1", "br3" . "br3", "br3" . "vx3", "vx3" . "br3", "vx3" . "vx3" } drop',
      'iifname "vx3" iifname . oifname != { "vx3" . "br3" } drop',
    ]);
  });

  it('lets nothing out of an internal network, nor in', () => {
    const text = renderRuleset('i', [inner], []);
    expect(chain(text, 'forward').slice(1, 3)).toEqual([
      'iifname "br2" iifname . oifname != { "br2" . "br2" } drop',
      'oifname "br2" iifname . oifname != { "br2" . "br2" } drop',
    ]);
    expect(chain(text, 'postrouting')).toEqual([]);
  });

  it('hides containers behind the host, outside and where an answer would take a short cut', () => {
    expect(chain(renderRuleset('i', [outer], []), 'postrouting')).toEqual([
      'ip saddr 10.0.1.0/24 oifname != "br1" masquerade',
      'ip saddr 10.0.1.0/24 oifname "br1" ct status dnat masquerade',
      'ip saddr 127.0.0.0/8 oifname "br1" masquerade',
    ]);
  });
});
