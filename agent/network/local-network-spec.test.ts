import { describe, expect, it } from 'vitest';
import { LocalNetworkSpec } from '../../proto/generated/gantry/v1/engine.ts';
import { parseSubnet6 } from '../../proto/ipv6/subnet6.ts';
import { planLocalNetwork } from './local-network-spec.ts';
import type { NetworkRecord } from './network-record.ts';
import { parseSubnet } from './subnet.ts';

const MTU = 'com.docker.network.driver.mtu';

const LINK = {
  alias: '',
  kind: '',
  up: true,
  mtu: 1500,
  mac: '',
  master: undefined,
  vni: undefined,
  isRootedElsewhere: false,
};
const LINKS = [
  { ...LINK, index: 1, name: 'lo', mtu: 65_536 },
  { ...LINK, index: 2, name: 'eth0', mtu: 9000 },
  { ...LINK, index: 3, name: 'br0' },
  { ...LINK, index: 4, name: 'eth1', master: 3 },
  { ...LINK, index: 5, name: 'gtown0b01234567' },
];

function plan(
  spec: Partial<LocalNetworkSpec>,
  networks: readonly NetworkRecord[] = [],
  routed: readonly string[] = [],
) {
  const routes = routed.map((cidr) => ({
    destination: parseSubnet(cidr),
    gateway: undefined,
    linkIndex: 2,
    table: 254,
  }));
  return planLocalNetwork(LocalNetworkSpec.fromPartial({ name: 'net', ...spec }), {
    networks,
    routes,
    links: LINKS,
    ownPrefix: 'gtown0',
    routes6: [{ destination: parseSubnet6('fd00:99::/64'), gateway: undefined, linkIndex: 2, table: 254 }],
    id: 'id',
    nowMs: 1,
  });
}

describe('a network of one host', () => {
  it('gets the first pool that is free, and its first address as gateway', () => {
    expect(plan({}, [plan({ name: 'a' })], ['172.18.0.0/16'])).toMatchObject({
      subnet: '172.19.0.0/16',
      gateway: '172.19.0.1',
      blocks: ['172.19.0.0/16'],
      hasOwnSubnet: false,
    });
  });

  it('gets what it is given', () => {
    const spec = { subnet: '10.1.0.0/16', gateway: '10.1.0.9', ipRange: '10.1.4.0/24', driverOpts: { [MTU]: '9000' } };
    expect(plan(spec)).toMatchObject({
      subnet: '10.1.0.0/16',
      gateway: '10.1.0.9',
      blocks: ['10.1.4.0/24'],
      hasOwnSubnet: true,
      mtu: 9000,
    });
  });

  it.each([
    [{ subnet: '10.1.0.1/16' }, 'INVALID_ARGUMENT', '10.1.0.0/16'],
    [{ subnet: '10.1.0.0/30' }, 'INVALID_ARGUMENT', 'prefix length'],
    [{ subnet: 'fd00::/64' }, 'INVALID_ARGUMENT', '10.1.2.0/24'],
    [{ gateway: '10.1.0.1' }, 'INVALID_ARGUMENT', '--subnet'],
    [{ subnet: '10.1.0.0/16', gateway: '10.2.0.1' }, 'INVALID_ARGUMENT', ''],
    [{ subnet: '10.1.0.0/16', ipRange: '10.2.0.0/24' }, 'INVALID_ARGUMENT', ''],
    [{ subnet: '10.9.1.0/24' }, 'CONFLICT', 'another subnet'],
    [{ driver: 'ipvlan' }, 'UNSUPPORTED', 'macvlan'],
    [{ auxAddresses: { router: '10.1.0.5' } }, 'INVALID_ARGUMENT', '--subnet'],
    [{ subnet: '10.1.0.0/16', auxAddresses: { router: '10.2.0.5' } }, 'INVALID_ARGUMENT', '--aux-address'],
    [{ subnet: '10.1.0.0/16', auxAddresses: { router: '10.1.0.1' } }, 'INVALID_ARGUMENT', 'leave it out'],
    [{ driver: 'overlay' }, 'UNSUPPORTED', 'manager'],
    [{ driver: 'host' }, 'UNSUPPORTED', '--network host'],
    [{ driver: 'weave' }, 'UNSUPPORTED', 'bridge'],
    [{ driverOpts: { encrypted: '' } }, 'UNSUPPORTED', MTU],
    [{ driverOpts: { [MTU]: '70000' } }, 'INVALID_ARGUMENT', '65535'],
    [{ name: 'bridge' }, 'WRONG_STATE', 'your own'],
    [{ name: 'a b' }, 'INVALID_ARGUMENT', 'letters'],
    [{ name: 'taken' }, 'ALREADY_EXISTS', 'another name'],
  ])('is refused with %j, and told what to do', (spec, code, hint) => {
    const others = [plan({ name: 'taken', subnet: '10.9.0.0/16' })];
    expect(() => plan(spec, others)).toThrow(expect.objectContaining({ code, hint: expect.stringContaining(hint) }));
  });

  it('gets IPv6 addresses beside those of IPv4 when they are asked for', () => {
    const spec = {
      enableIpv6: true,
      ipv6Subnet: 'fd00:0001::/64',
      ipv6Gateway: 'fd00:1::FF',
      ipv6Range: 'fd00:1::/80',
    };
    expect(plan(spec)).toMatchObject({
      subnet: '172.17.0.0/16',
      ipv6: { subnet: 'fd00:1::/64', gateway: 'fd00:1::ff', range: 'fd00:1::/80', hasOwnSubnet: true },
    });
    expect(plan({}).ipv6).toBeUndefined();
  });

  it('gets the same unique local IPv6 subnet each time that nobody chooses one, unless it is taken', () => {
    const first = plan({ enableIpv6: true });
    expect(first.ipv6?.subnet).toMatch(/^fd[0-9a-f:]+::\/64$/);
    expect(plan({ enableIpv6: true }).ipv6).toEqual(first.ipv6);
    const second = plan({ enableIpv6: true }, [{ ...first, name: 'first' }]);
    expect(second.ipv6?.subnet).toMatch(/^fd[0-9a-f:]+::\/64$/);
    expect(second.ipv6?.subnet).not.toBe(first.ipv6?.subnet);
  });

  it.each([
    [{ ipv6Subnet: '10.1.0.0/16' }, 'INVALID_ARGUMENT', 'fd00:1:2:3::/64'],
    [{ ipv6Subnet: 'fd00::1/64' }, 'INVALID_ARGUMENT', 'fd00::/64'],
    [{ ipv6Subnet: 'fd00::/126' }, 'INVALID_ARGUMENT', 'prefix length'],
    [{ ipv6Subnet: 'fe80::/64' }, 'INVALID_ARGUMENT', 'fd00::/8'],
    [{ ipv6Subnet: 'ff02::/64' }, 'INVALID_ARGUMENT', 'fd00::/8'],
    [{ ipv6Subnet: 'fd00::/64', ipv6Gateway: 'fd01::1' }, 'INVALID_ARGUMENT', 'leave it out'],
    [{ ipv6Subnet: 'fd00::/64', ipv6Gateway: '10.0.0.1' }, 'INVALID_ARGUMENT', 'leave it out'],
    [{ ipv6Subnet: 'fd00::/64', ipv6Range: 'fd01::/80' }, 'INVALID_ARGUMENT', 'part of the subnet'],
    [{ ipv6Gateway: 'fd00::1' }, 'INVALID_ARGUMENT', '--subnet of IPv6'],
    [{ ipv6Subnet: 'fd00:9:0:1::/64' }, 'CONFLICT', 'another subnet'],
    [{ ipv6Subnet: 'fd00:99::/48' }, 'CONFLICT', 'another subnet'],
    [{ driverOpts: { [MTU]: '1279' } }, 'INVALID_ARGUMENT', '1280'],
    [{ enableIpv6: false, ipv6Subnet: 'fd00::/64' }, 'INVALID_ARGUMENT', '--ipv6'],
  ])('is refused with IPv6 and %j, and told what to do', (spec, code, hint) => {
    const others = [plan({ name: 'taken', enableIpv6: true, ipv6Subnet: 'fd00:9::/48' })];
    const wanted = { enableIpv6: true, ...spec };
    expect(() => plan(wanted, others)).toThrow(expect.objectContaining({ code, hint: expect.stringContaining(hint) }));
  });

  it('is refused when no pool is left', () => {
    const all = ['172.16.0.0/12', '192.168.0.0/16'];
    expect(() => plan({}, [], all)).toThrow(expect.objectContaining({ code: 'EXHAUSTED' }));
  });
});

describe('a macvlan network', () => {
  const MACVLAN = { driver: 'macvlan', subnet: '192.0.2.0/24' };
  const on = (parent: string, options: Record<string, string> = {}) => ({
    ...MACVLAN,
    driverOpts: { parent, ...options },
  });

  it('is on the link that it is told, in the subnet that the host has there', () => {
    const network = plan(on('eth0', { macvlan_mode: 'vepa' }), [], ['192.0.2.0/24']);
    expect(network).toMatchObject({ driver: 'macvlan', mtu: 9000, internal: false });
    expect(network.macvlan).toEqual({ parent: 'eth0', mode: 'vepa' });
  });

  it('is on a VLAN that is yet to be made, with the MTU of the link below', () => {
    expect(plan(on('eth0.10'))).toMatchObject({ mtu: 9000, macvlan: { parent: 'eth0.10', mode: 'bridge' } });
  });

  it('has no way out without a parent', () => {
    expect(plan(MACVLAN)).toMatchObject({ internal: true, macvlan: { mode: 'bridge' } });
  });

  it('shares a link only through VLANs', () => {
    const first = plan({ ...on('eth0'), name: 'first' });
    expect(() => plan({ ...on('eth0'), subnet: '192.0.3.0/24' }, [first])).toThrow(
      expect.objectContaining({ code: 'IN_USE', hint: expect.stringContaining('parent=eth0.10') }),
    );
    expect(plan({ ...on('eth0.10'), subnet: '192.0.3.0/24' }, [first]).macvlan?.parent).toBe('eth0.10');
    expect(() => plan(on('eth0.10'), [first])).toThrow(expect.objectContaining({ code: 'CONFLICT' }));
  });

  it.each([
    [on('eth9'), 'NOT_FOUND', "'ip link'"],
    [on('eth9.10'), 'NOT_FOUND', "'ip link'"],
    [on('eth0.4095'), 'INVALID_ARGUMENT', '4094'],
    [on('lo'), 'INVALID_ARGUMENT', 'without a way out'],
    [on('eth1'), 'INVALID_ARGUMENT', 'parent=br0'],
    [on('gtown0b01234567'), 'INVALID_ARGUMENT', 'LAN'],
    [on('eth0', { macvlan_mode: 'hub' }), 'INVALID_ARGUMENT', 'passthru'],
    [on('eth0', { ipvlan_mode: 'l2' }), 'UNSUPPORTED', 'macvlan_mode'],
  ])('refuses %j', (spec, code, hint) => {
    expect(() => plan(spec)).toThrow(expect.objectContaining({ code, hint: expect.stringContaining(hint) }));
  });
});
