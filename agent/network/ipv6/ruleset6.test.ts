import { describe, expect, it } from 'vitest';
import type { PublishedPort } from '../ruleset.ts';
import { renderRuleset6 } from './ruleset6.ts';

const bridges = [
  { bridge: 'gtb1', subnet: 'fd00:1::/64', internal: false },
  { bridge: 'gtb2', subnet: 'fd00:2::/64', internal: true },
];

function port(hostIp: string, published = 8080): PublishedPort {
  const target = { kind: 'container', address: 'fd00:1::2', port: 80 } as const;
  return { protocol: 'tcp', hostIp, port: published, targets: [target], here: [] };
}

/** The lines of a chain. */
function chain(text: string, name: string): string[] {
  const [, body = ''] = new RegExp(`chain ${name} \\{\\n([^}]*)\\}`).exec(text) ?? [];
  return body
    .trim()
    .split('\n')
    .map((line) => line.trim());
}

describe('rules for IPv6', () => {
  it('are none without networks', () => {
    expect(renderRuleset6('x', { bridges: [], ports: [] })).toBe('table ip6 gantry-x\ndelete table ip6 gantry-x\n');
  });

  it('ask for a port on one address before the same on all, and never for one on ::1', () => {
    const text = renderRuleset6('x', { bridges, ports: [port('::'), port('2001:db8::1'), port('::1', 81)] });
    expect(chain(text, 'publish')).toEqual([
      'ip6 daddr 2001:db8::1 tcp dport 8080 dnat to [fd00:1::2]:80',
      'tcp dport 8080 dnat to [fd00:1::2]:80',
    ]);
  });

  it('let nothing out of an internal network, nor into any but through published ports', () => {
    const text = renderRuleset6('x', { bridges, ports: [] });
    const forward = chain(text, 'forward');
    expect(forward).toContain('iifname "gtb2" oifname != "gtb2" drop');
    expect(forward.at(-1)).toBe('oifname "gtb2" iifname != "gtb2" drop');
    expect(forward.indexOf('ct status dnat accept')).toBeLessThan(
      forward.indexOf('oifname "gtb1" iifname != "gtb1" drop'),
    );
    expect(chain(text, 'postrouting').join('\n')).not.toContain('fd00:2::');
    expect(chain(text, 'postrouting')).toContain('ip6 saddr fd00:1::/64 oifname != "gtb1" masquerade');
  });
});
