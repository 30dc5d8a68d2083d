import { describe, expect, it } from 'vitest';
import type { PublishedPort } from '../rules/port-rules.ts';
import { renderRuleset6 } from './ruleset6.ts';

const bridges = [
  { bridge: 'gtb1', subnet: 'fd00:1::/64', internal: false, vxlan: undefined },
  { bridge: 'gtb2', subnet: 'fd00:2::/64', internal: true, vxlan: undefined },
];

function port(hostIp: string, published = 8080): PublishedPort {
  const target = { kind: 'container', address: 'fd00:1::2', port: 80 } as const;
  return { protocol: 'tcp', hostIp, port: published, targets: [target], here: [] };
}

/** The lines of a chain. */
function chain(text: string, name: string): string[] {
  const [, body = ''] = new RegExp(`chain ${name} \\{\\n(.*?)\\n  \\}`, 's').exec(text) ?? [];
  return body
    .trim()
    .split('\n')
    .map((line) => line.trim());
}

describe('rules for IPv6', () => {
  it('are none without networks', () => {
    expect(renderRuleset6('x', { bridges: [], ports: [], ingress: undefined })).toBe(
      'table ip6 gantry-x\ndelete table ip6 gantry-x\n',
    );
  });

  it('ask for a port on one address before the same on all, and never for one on ::1', () => {
    const text = renderRuleset6('x', {
      bridges,
      ports: [port('::'), port('2001:db8::1'), port('::1', 81)],
      ingress: undefined,
    });
    expect(chain(text, 'publish')).toEqual([
      'ip6 daddr 2001:db8::1 tcp dport 8080 dnat to [fd00:1::2]:80',
      'tcp dport 8080 dnat to [fd00:1::2]:80',
    ]);
  });

  it('let nothing out of an internal network, nor into any but through published ports', () => {
    const text = renderRuleset6('x', { bridges, ports: [], ingress: undefined });
    const forward = chain(text, 'forward');
    expect(forward.slice(1)).toEqual([
      'iifname "gtb2" iifname . oifname != { "gtb2" . "gtb2" } drop',
      'oifname "gtb2" iifname . oifname != { "gtb2" . "gtb2" } drop',
      'ct state established,related accept',
      'ct state invalid iifname { "gtb1", "gtb2" } iifname . oifname != { "gtb1" . "gtb1", "gtb2" . "gtb2" } drop',
      'ct status dnat accept',
      'oifname { "gtb1", "gtb2" } iifname . oifname != { "gtb1" . "gtb1", "gtb2" . "gtb2" } drop',
    ]);
    expect(chain(text, 'postrouting').join('\n')).not.toContain('fd00:2::');
    expect(chain(text, 'postrouting')).toContain('ip6 saddr fd00:1::/64 oifname != "gtb1" masquerade');
  });

  it('lead from a port of a service to other nodes, and answers back to where they came from', () => {
    const there = { kind: 'node', address: 'fd47::2', port: 8080 } as const;
    const here = { kind: 'container', address: 'fd00:1::2', port: 80 } as const;
    const published = { ...port('::'), targets: [there, here], here: [here] };
    const ingress = { link: 'gtin', nodes: [{ mac: '02:42:0a:63:00:02', number: 1 }] };
    const text = renderRuleset6('x', { bridges: [], ports: [published], ingress });
    expect(chain(text, 'publish')).toEqual([
      'tcp dport 8080 dnat ip6 to numgen inc mod 2 map { 0 : fd00:1::2 . 80, 1 : fd47::2 . 8080 }',
    ]);
    expect(chain(text, 'prerouting')[1]).toBe('iifname "gtin" fib daddr type local goto here');
    expect(chain(text, 'here')).toEqual(['tcp dport 8080 dnat to [fd00:1::2]:80']);
    expect(chain(text, 'marks').join()).toContain('ether saddr map { 02:42:0a:63:00:02 : 1191182337 }');
    expect(chain(text, 'forward').slice(-2)).toEqual(['iifname "gtin" drop', 'oifname "gtin" drop']);
    expect(chain(text, 'postrouting')[1]).toBe('oifname "gtin" ip6 saddr . ip6 daddr @itself masquerade');
  });

  it('let the containers of a network that spans nodes reach each other, and nobody else', () => {
    const spanning = { bridge: 'gtb3', subnet: 'fd00:3::/64', internal: false, vxlan: 'gtx3' };
    const text = renderRuleset6('x', { bridges: [...bridges, spanning], ports: [], ingress: undefined });
    expect(chain(text, 'forward').slice(-3)).toEqual([
      'iifname "gtx3" ip6 saddr != fd00:3::/64 drop',
      'oifname { "gtb1", "gtb2", "gtb3", "gtx3" } iifname . oifname != { "gtb1" . "gtb1", "gtb2" . "gtb2", "gtb3" . "gtb3", "gtb3" . "gtx3", "gtx3" . "gtb3", "gtx3" . "gtx3" } drop',
      'iifname "gtx3" iifname . oifname != { "gtx3" . "gtb3" } drop',
    ]);
    expect(chain(text, 'redirects').at(-1)).toBe('icmpv6 type nd-redirect oifname "gtb3" drop');
    expect(chain(text, 'postrouting').slice(-2)).toEqual([
      'ip6 saddr fd00:3::/64 oifname != { "gtb3", "gtx3" } masquerade',
      'ip6 saddr fd00:3::/64 oifname "gtb3" ct status dnat ip6 saddr . ip6 daddr @itself masquerade',
    ]);
  });
});
