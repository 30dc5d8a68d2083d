import { describe, expect, it } from 'vitest';
import type { AssignedNetwork } from '../../../proto/generated/gantry/v1/dispatcher.ts';
import { LocalNetworkSpec } from '../../../proto/generated/gantry/v1/engine.ts';
import { Network, NetworkSpec } from '../../../proto/generated/gantry/v1/types.ts';
import { planConfigNetwork, withConfig } from '../config-networks.ts';
import type { Link } from '../netlink/link.ts';
import type { NetworkRecord } from '../network-record.ts';
import { clusterMacvlan, isPossible } from './cluster-macvlan.ts';
import { possibleParents } from './possible-parents.ts';

function link(index: number, name: string, more: Partial<Link> = {}): Link {
  const usual = { alias: '', kind: '', up: true, mtu: 1500, mac: '', master: undefined, vni: undefined };
  return { ...usual, index, name, isRootedElsewhere: false, ...more };
}

const LINKS = [link(1, 'lo'), link(2, 'eth0', { mtu: 9000 }), link(3, 'br0', { kind: 'bridge' })];

function assigned(spec: Partial<NetworkSpec>, more: Partial<Network> = {}): AssignedNetwork {
  const network = Network.fromPartial({
    ...{ id: 'id', subnet: '192.168.1.0/24', gateway: '192.168.1.1' },
    spec: NetworkSpec.fromPartial({ annotations: { name: 'lan' }, driver: 'macvlan', ...spec }),
    ...more,
  });
  return { network, blocks: ['192.168.1.64/30'], nodeAddress: '192.168.1.5' };
}

function config(spec: Partial<LocalNetworkSpec>): NetworkRecord {
  const lan = { name: 'office', subnet: '192.168.1.0/24', driverOpts: { parent: 'br0' }, auxAddresses: {} };
  const rest = { networks: [], routes: [], routes6: [], links: LINKS, ownPrefix: 'gtown0', id: 'c', nowMs: 1 };
  return planConfigNetwork(LocalNetworkSpec.fromPartial({ ...lan, ...spec }), rest);
}

const host = { configs: [], links: LINKS, addresses: ['127.0.0.1', '192.168.1.5', '192.168.1.6'] };

describe('a macvlan network that the cluster assigns', () => {
  it('is on the link that it names, with the addresses that are this node’s, but for the host’s own', () => {
    expect(clusterMacvlan(assigned({ driverOpts: { parent: 'eth0', macvlan_mode: 'vepa' } }), host)).toMatchObject({
      ...{ name: 'lan', driver: 'macvlan', cluster: true, mtu: 9000, overlay: undefined, internal: false },
      macvlan: { parent: 'eth0', mode: 'vepa' },
      blocks: ['192.168.1.64/30'],
      auxAddresses: { 'host-1': '192.168.1.5', 'host-2': '192.168.1.6' },
    });
  });

  it('is on the link that this host’s config names', () => {
    const office = config({ auxAddresses: { nas: '192.168.1.66' } });
    expect(clusterMacvlan(assigned({ configFrom: 'office' }), { ...host, configs: [office] })).toMatchObject({
      macvlan: { parent: 'br0', mode: 'bridge' },
      configFrom: 'office',
      auxAddresses: { nas: '192.168.1.66', 'host-1': '192.168.1.5' },
    });
    expect(() => clusterMacvlan(assigned({ configFrom: 'office' }), host)).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND', hint: expect.stringContaining('--config-only') }),
    );
  });

  it('leads somewhere', () => {
    expect(() => clusterMacvlan(assigned({}), host)).toThrow('needs a parent');
  });

  it('has no IPv6', () => {
    const six = assigned({ driverOpts: { parent: 'eth0' } }, { ipv6Subnet: 'fd00::/64' });
    expect(() => clusterMacvlan(six, host)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });

  it('is possible where its link is, or a VLAN can be made', () => {
    const possible = (spec: Partial<NetworkSpec>, configs: readonly NetworkRecord[] = []) =>
      isPossible(assigned(spec), ['eth0', 'br0'], configs);
    expect(possible({ driverOpts: { parent: 'eth0' } })).toBe(true);
    expect(possible({ driverOpts: { parent: 'eth0.7' } })).toBe(true);
    expect(possible({ driverOpts: { parent: 'eth1' } })).toBe(false);
    expect(possible({ configFrom: 'office' }, [config({})])).toBe(true);
    expect(possible({ configFrom: 'office' })).toBe(false);
  });
});

describe('a config-only network', () => {
  it('says what macvlan networks of this host are made of', () => {
    const office = config({ gateway: '192.168.1.254', ipRange: '192.168.1.64/26' });
    expect(office).toMatchObject({ configOnly: true, driver: 'null', driverOpts: { parent: 'br0' } });
    const spec = LocalNetworkSpec.fromPartial({ name: 'lan', driver: 'macvlan', configFrom: 'office', internal: true });
    expect(withConfig(spec, [office])).toMatchObject({
      ...{ name: 'lan', driver: 'macvlan', internal: true, driverOpts: { parent: 'br0' } },
      ...{ subnet: '192.168.1.0/24', gateway: '192.168.1.254', ipRange: '192.168.1.64/26' },
    });
  });

  it.each([
    [{ subnet: '' }, 'INVALID_ARGUMENT', 'has no subnet'],
    [{ driverOpts: {} }, 'INVALID_ARGUMENT', 'has no parent'],
    [{ driverOpts: { parent: 'eth9' } }, 'NOT_FOUND', 'no link eth9'],
    [{ driver: 'bridge' }, 'INVALID_ARGUMENT', 'has a driver'],
    [{ internal: true }, 'INVALID_ARGUMENT', 'has --internal'],
    [{ enableIpv6: true }, 'UNSUPPORTED', 'no IPv6'],
    [{ ipRange: '192.168.2.0/26' }, 'INVALID_ARGUMENT', 'is not in'],
  ])('is refused with %j', (spec, code, message) => {
    expect(() => config(spec)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  });

  it.each([
    [{ configFrom: 'none' }, 'NOT_FOUND', 'there is no config-only network none'],
    [{ subnet: '192.168.1.0/24' }, 'INVALID_ARGUMENT', "doesn't go with config"],
    [{ driverOpts: { parent: 'eth0' } }, 'INVALID_ARGUMENT', "parent doesn't go with config"],
    [{ driver: 'bridge' }, 'INVALID_ARGUMENT', 'driver "bridge" doesn\'t go with config'],
  ])('is not for a network with %j', (more, code, message) => {
    const spec = LocalNetworkSpec.fromPartial({ name: 'lan', driver: 'macvlan', configFrom: 'office', ...more });
    expect(() => withConfig(spec, [config({})])).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });
});

it('links that containers could be on are those that lead to a LAN', () => {
  const links = [
    ...LINKS,
    link(4, 'eth1', { master: 3 }),
    link(5, 'bond0', { kind: 'bond' }),
    link(6, 'vethab12', { kind: 'veth' }),
    link(7, 'uplink', { kind: 'veth' }),
    link(8, 'wg0', { kind: 'wireguard' }),
    link(9, 'gtown0b01234567', { kind: 'bridge' }),
  ];
  const addresses = [{ linkIndex: 7, address: '10.0.0.1', prefixLength: 24 }];
  expect(possibleParents(links, addresses, 'gtown0')).toEqual(['bond0', 'br0', 'eth0', 'uplink']);
});
