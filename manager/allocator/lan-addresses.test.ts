import { describe, expect, it } from 'vitest';
import { NetworkConfig, NetworkSpec } from '../../proto/generated/gantry/v1/types.ts';
import { type NodeOptions, node } from '../objects.testing.ts';
import { type NetworkObject, networkType } from '../store/network.ts';
import { planLanBlocks, subnetOf } from './lan-addresses.ts';

const SUBNET = '192.168.1.0/24';
const GATEWAY = '192.168.1.1';

function lan(spec: Partial<NetworkSpec>, blocks: NetworkObject['blocks'] = []): NetworkObject {
  const raw = NetworkSpec.fromPartial({ annotations: { name: 'lan' }, driver: 'macvlan', ...spec });
  const rest = { pendingDelete: false, vni: 0, ipv6Subnet: '', ipv6Gateway: '' };
  return networkType.complete({
    ...{ id: 'lan', meta: undefined, spec: raw, subnet: SUBNET, gateway: GATEWAY, blocks, ...rest },
  });
}

function configured(id: string, config: Partial<NetworkConfig> = {}, options: NodeOptions = {}) {
  const office = { name: 'office', subnet: SUBNET, gateway: GATEWAY, driverOpts: { parent: 'eth0' }, ...config };
  return node(id, { ...options, networkConfigs: [NetworkConfig.fromPartial(office)] });
}

const demand = (...tasks: readonly number[]) => new Map(tasks.map((count, at) => [`n${at + 1}`, count] as const));
const given = ({ blocks }: ReturnType<typeof planLanBlocks>) => blocks.map(({ nodeId, cidr }) => `${nodeId} ${cidr}`);

describe('addresses of a LAN', () => {
  it('are given out in small parts, with few to spare', () => {
    const nodes = [node('n1'), node('n2')];
    expect(given(planLanBlocks(lan({ ipRange: '192.168.1.64/26' }), demand(1, 2), nodes))).toEqual([
      ...['n1 192.168.1.64/32', 'n1 192.168.1.65/32', 'n1 192.168.1.66/32'],
      ...['n2 192.168.1.67/32', 'n2 192.168.1.68/32', 'n2 192.168.1.69/32', 'n2 192.168.1.70/32'],
    ]);
    expect(given(planLanBlocks(lan({}), demand(3), nodes))).toEqual(['n1 192.168.1.0/30', 'n1 192.168.1.4/30']);
    expect(given(planLanBlocks(lan({ attachable: true }), demand(0), nodes))).toHaveLength(3);
  });

  it('are not those that nodes have themselves', () => {
    const nodes = [node('n1', { address: '192.168.1.65' }), node('n2', { address: '192.168.1.66' })];
    const plan = planLanBlocks(lan({ ipRange: '192.168.1.64/29' }), demand(1), nodes);
    expect(given(plan)).toEqual(['n1 192.168.1.64/32', 'n1 192.168.1.67/32', 'n1 192.168.1.68/32']);
  });

  it('are said to be out', () => {
    const plan = planLanBlocks(lan({ ipRange: '192.168.1.64/29' }), demand(5, 4), [node('n1'), node('n2')]);
    expect([given(plan).length, plan.exhausted]).toEqual([8, ['n2']]);
  });

  it('are of the node’s own range where it has one, and of nobody else’s even if ranges overlap', () => {
    const nodes = [
      configured('n1', { ipRange: '192.168.1.64/29' }),
      configured('n2', { ipRange: '192.168.1.64/28' }),
      configured('n3', { ipRange: '192.168.1.128/26' }),
    ];
    const blocks = given(planLanBlocks(lan({ configFrom: 'office' }), demand(6, 6, 1), nodes));
    const addresses = blocks.map((block) => block.split(' ')[1]);
    expect(new Set(addresses).size).toBe(addresses.length);
    expect(blocks.filter((block) => block.startsWith('n1'))).toHaveLength(8);
    expect(blocks).toContain('n2 192.168.1.72/32');
    expect(blocks.at(-1)).toBe('n3 192.168.1.130/32');
  });

  it('are given up with the range that they were of', () => {
    const before = lan({ configFrom: 'office' }, [{ nodeId: 'n1', cidr: '192.168.1.64/32' }]);
    const plan = planLanBlocks(before, demand(1), [configured('n1', { ipRange: '192.168.1.128/26' })]);
    expect(given(plan)[0]).toBe('n1 192.168.1.128/32');
  });
});

describe('the subnet of a macvlan network', () => {
  const spec = (more: Partial<NetworkSpec>) => lan(more).spec;

  it('may have nodes in it', () => {
    const nodes = [node('n1', { address: '192.168.1.5' })];
    expect(subnetOf(spec({ subnet: SUBNET }), { networks: [], nodes })).toEqual({ subnet: SUBNET, gateway: GATEWAY });
    expect(() => subnetOf(spec({ subnet: SUBNET, driver: 'overlay' }), { networks: [], nodes })).toThrow(
      'contains the address 192.168.1.5 of a node',
    );
    expect(() => subnetOf(spec({ subnet: '192.168.0.0/16' }), { networks: [lan({})], nodes })).toThrow('overlaps');
  });

  it('is what nodes say, if they say the same', () => {
    const from = spec({ configFrom: 'office' });
    const nodes = [node('n0'), configured('n1'), configured('n2', { ipRange: '192.168.1.64/26' })];
    expect(subnetOf(from, { networks: [], nodes })).toEqual({ subnet: SUBNET, gateway: GATEWAY });
    expect(() => subnetOf(from, { networks: [], nodes: [node('n0')] })).toThrow('no node has a config-only network');
    const other = configured('n3', { gateway: '192.168.1.254' });
    expect(() => subnetOf(from, { networks: [], nodes: [...nodes, other] })).toThrow(
      'of different LANs (n1: 192.168.1.0/24, gateway 192.168.1.1; n3: 192.168.1.0/24, gateway 192.168.1.254)',
    );
  });
});
