import { describe, expect, it } from 'vitest';
import { NetworkSpec } from '../../proto/generated/gantry/v1/types.ts';
import { serviceSpec } from '../objects.testing.ts';
import { completeServiceSpec } from '../store/service.ts';
import { checkFixedAddresses, type PlannedNetwork } from './fixed-addresses.ts';

const NETWORK: PlannedNetwork = {
  spec: {
    ...NetworkSpec.fromPartial({ driver: 'overlay', subnet: '10.5.0.0/24' }),
    annotations: { name: 'front', labels: {} },
  },
  subnet: '10.5.0.0/24',
  gateway: '10.5.0.1',
  blocks: [
    { nodeId: 'n1', cidr: '10.5.0.0/28' },
    { nodeId: 'n2', cidr: '10.5.0.200/32' },
  ],
  ipv6Subnet: 'fd00:5::/64',
  ipv6Gateway: 'fd00:5::1',
};

function spec(name: string, ip: string | undefined, ipv6?: string) {
  const complete = completeServiceSpec(serviceSpec(name));
  return { ...complete, task: { ...complete.task, networks: [{ target: 'f', aliases: [], ip, ipv6 }] } };
}

function check(ip: string | undefined, ipv6?: string, network: PlannedNetwork | undefined = NETWORK): () => void {
  const services = [
    { spec: spec('db', '10.5.0.50'), virtualIps: [], pendingDelete: false },
    { spec: spec('old', '10.5.0.60'), virtualIps: [], pendingDelete: true },
    { spec: spec('other', undefined), virtualIps: [{ networkId: 'f', address: '10.5.0.250' }], pendingDelete: false },
  ];
  const plan = {
    networkOf: (id: string) => (id === 'f' ? network : undefined),
    services,
    nodeName: (id: string) => `host ${id}`,
  };
  return () => checkFixedAddresses(spec('web', ip, ipv6), plan);
}

describe('an address that a service asks for', () => {
  it.each<string[]>([['10.5.0.51'], ['10.5.0.200'], ['10.5.0.60'], ['10.5.0.51', 'fd00:5::33']])(
    'can be %j',
    (ip, ipv6) => {
      expect(check(ip, ipv6)).not.toThrow();
    },
  );

  it.each([
    ['10.6.0.9', undefined, 'service web: 10.6.0.9 is no address of network front that a task can have'],
    ['10.5.0.0', undefined, '10.5.0.0 is no address of network front'],
    ['10.5.0.255', undefined, '10.5.0.255 is no address of network front'],
    ['10.5.0.1', undefined, '10.5.0.1 is no address of network front'],
    ['ten', undefined, 'ten is no address of network front'],
    [
      '10.5.0.9',
      undefined,
      'address 10.5.0.9 of network front is among those that node host n1 gives out, 10.5.0.0/28',
    ],
    ['10.5.0.50', undefined, "address 10.5.0.50 of network front is service db's"],
    ['10.5.0.250', undefined, "address 10.5.0.250 of network front is service other's"],
    ['10.5.0.51', 'fd00:5::99', 'service web has address 10.5.0.51, and so not fd00:5::99'],
    [undefined, 'fd00:5::33', 'service web has the IPv6 address fd00:5::33, but none of IPv4'],
  ])("can't be %s %s", (ip, ipv6, message) => {
    expect(check(ip, ipv6)).toThrow(message);
  });

  it('needs a network that all nodes share, with a subnet that somebody chose', () => {
    const macvlan = { ...NETWORK, spec: { ...NETWORK.spec, driver: 'macvlan' } };
    expect(check('10.5.0.51', undefined, macvlan)).toThrow(
      'on macvlan network front, of which each node gives out addresses',
    );
    const chosen = { ...NETWORK, spec: { ...NETWORK.spec, subnet: '' } };
    expect(check('10.5.0.51', undefined, chosen)).toThrow('network front has a subnet that nobody chose');
  });
});
