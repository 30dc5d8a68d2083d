import { describe, expect, it } from 'vitest';
import { chooseSubnet } from './default-pools.ts';
import { bridgeName, linkPrefix, macOf, vethName } from './link-names.ts';
import { contains, covers, formatIpv4, formatSubnet, ipv4Bytes, overlaps, parseIpv4, parseSubnet } from './subnet.ts';

describe('subnets', () => {
  it('are read and written', () => {
    expect(formatSubnet(parseSubnet('10.1.2.3/8'))).toBe('10.0.0.0/8');
    expect(formatSubnet(parseSubnet('255.255.255.255/32'))).toBe('255.255.255.255/32');
    expect(formatSubnet(parseSubnet('1.2.3.4/0'))).toBe('0.0.0.0/0');
    expect(formatIpv4(parseIpv4('192.0.2.255') ?? 0)).toBe('192.0.2.255');
    expect(ipv4Bytes('10.0.0.1').toString('hex')).toBe('0a000001');
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0/8', '10.0.0.0/8/8', 'x/8', '10.0.0.0/', '::1/64'])(
    'refuse %s',
    (text) => {
      expect(() => parseSubnet(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    },
  );

  it('compare', () => {
    const [wide, narrow, other] = [parseSubnet('10.0.0.0/8'), parseSubnet('10.9.0.0/16'), parseSubnet('11.0.0.0/8')];
    expect([overlaps(wide, narrow), overlaps(narrow, wide), overlaps(wide, other)]).toEqual([true, true, false]);
    expect([covers(wide, narrow), covers(narrow, wide)]).toEqual([true, false]);
    expect(contains(parseSubnet('128.0.0.0/1'), parseIpv4('255.0.0.1') ?? 0)).toBe(true);
  });
});

describe('chooseSubnet', () => {
  it('takes the first pool that overlaps nothing but the default route', () => {
    expect(formatSubnet(chooseSubnet([parseSubnet('0.0.0.0/0')]) ?? parseSubnet('0.0.0.0/0'))).toBe('172.17.0.0/16');
    const taken = ['172.17.4.0/24', '172.18.0.0/15', '172.20.0.0/16'].map(parseSubnet);
    expect(formatSubnet(chooseSubnet(taken) ?? parseSubnet('0.0.0.0/0'))).toBe('172.21.0.0/16');
    expect(chooseSubnet(['172.16.0.0/12', '192.168.0.0/16'].map(parseSubnet))).toBeUndefined();
  });
});

describe('link names', () => {
  it('fit into 15 characters and tell instances, networks and interfaces apart', () => {
    const names = [
      bridgeName('a', 'net1'),
      bridgeName('b', 'net1'),
      bridgeName('a', 'net2'),
      vethName('a', 'c'.repeat(64), 0),
      vethName('a', 'c'.repeat(64), 1),
      vethName('a', 'd'.repeat(64), 0),
    ];
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^gt[0-9a-z]{4}[bv][0-9a-z]{8}$/);
    expect(names.filter((name) => name.startsWith(linkPrefix('b')))).toHaveLength(1);
  });

  it('go with MAC addresses that follow from the address', () => {
    expect(macOf(parseIpv4('172.17.0.2') ?? 0)).toBe('02:42:ac:11:00:02');
  });
});
