import { describe, expect, it } from 'vitest';
import {
  contains6,
  covers6,
  formatIpv6,
  formatSubnet6,
  ipv6Bytes,
  ipv6FromBytes,
  linkLocalOf,
  overlaps6,
  parseIpv6,
  parseSubnet6,
  requireIpv6,
} from './subnet6.ts';

describe('IPv6 addresses', () => {
  it.each([
    ['::', '::'],
    ['::1', '::1'],
    ['FD00:0:0:1:0:0:0:2', 'fd00:0:0:1::2'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0db8::0001:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:203.0.113.9', '::ffff:cb00:7109'],
    ['fe80::', 'fe80::'],
  ])('%s is written %s', (text, written) => {
    expect(formatIpv6(requireIpv6(text))).toBe(written);
    expect(formatIpv6(ipv6FromBytes(ipv6Bytes(text)))).toBe(written);
  });

  it.each(['10.0.0.1', 'fe80::1%eth0', ':::', 'fd00::g', ''])('%j is none', (text) => {
    expect(parseIpv6(text)).toBeUndefined();
    expect(() => requireIpv6(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('follow from MAC addresses on their link', () => {
    expect(linkLocalOf('02:42:ac:11:00:02')).toBe('fe80::42:acff:fe11:2');
  });
});

describe('IPv6 subnets', () => {
  it('are read and written', () => {
    expect(formatSubnet6(parseSubnet6('fd00:1:2:3:4::5/64'))).toBe('fd00:1:2:3::/64');
    expect(formatSubnet6(parseSubnet6('::1/128'))).toBe('::1/128');
    expect(formatSubnet6(parseSubnet6('ffff::/0'))).toBe('::/0');
  });

  it.each(['fd00::', 'fd00::/129', '10.0.0.0/8', 'fd00::/64/1', 'fd00::/'])('refuse %s', (text) => {
    expect(() => parseSubnet6(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('compare', () => {
    const [wide, narrow, other] = ['fd00::/48', 'fd00:0:0:1::/64', 'fd01::/64'].map(parseSubnet6);
    if (wide === undefined || narrow === undefined || other === undefined) throw new Error('three subnets');
    expect([overlaps6(wide, narrow), overlaps6(narrow, wide), overlaps6(wide, other)]).toEqual([true, true, false]);
    expect([covers6(wide, narrow), covers6(narrow, wide)]).toEqual([true, false]);
    expect(contains6(narrow, requireIpv6('fd00::1:0:0:0:ffff'))).toBe(true);
  });
});
