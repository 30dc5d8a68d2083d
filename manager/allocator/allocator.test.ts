import { describe, expect, it } from 'vitest';
import { type PortConfig, PortProtocol, PublishMode } from '../../proto/generated/gantry/v1/types.ts';
import { service } from '../objects.testing.ts';
import { type NetworkObject, networkType } from '../store/network.ts';
import { planBlocks } from './blocks.ts';
import { allocatePorts, keptPorts } from './ports.ts';
import { allocateSubnet } from './subnets.ts';

function network(name: string, subnet: string, gateway = '', blocks: NetworkObject['blocks'] = []): NetworkObject {
  const annotations = { name, labels: {} };
  const spec = {
    annotations,
    driver: 'bridge',
    driverOpts: {},
    internal: false,
    attachable: false,
    subnet,
    gateway,
    ipRange: '',
    enableIpv6: false,
    ipv6Subnet: '',
    ipv6Gateway: '',
    configFrom: '',
    auxAddresses: {},
  };
  return networkType.complete({
    id: name,
    meta: undefined,
    spec,
    subnet,
    gateway,
    blocks,
    pendingDelete: false,
    vni: 0,
    ipv6Subnet: '',
    ipv6Gateway: '',
  });
}

const ANY = { subnet: '', gateway: '', ipRange: '', auxAddresses: {} };

describe('allocateSubnet', () => {
  it('gives each network a /20 of the pool, with the first address as gateway', () => {
    const first = allocateSubnet('a', ANY, [], []);
    const second = allocateSubnet('b', ANY, [network('a', first.subnet)], []);
    expect([first, second]).toEqual([
      { subnet: '10.192.0.0/20', gateway: '10.192.0.1' },
      { subnet: '10.192.16.0/20', gateway: '10.192.16.1' },
    ]);
  });

  it('keeps away from the addresses of nodes', () => {
    expect(allocateSubnet('a', ANY, [], ['10.192.0.7', 'fe80::1', '']).subnet).toBe('10.192.16.0/20');
  });

  it('takes the subnet and gateway that are asked for', () => {
    const wanted = { subnet: '172.30.0.0/16', gateway: '172.30.5.1' };
    expect(allocateSubnet('a', { ...ANY, ...wanted, ipRange: '172.30.8.0/24' }, [], [])).toEqual(wanted);
  });

  it.each([
    [{ subnet: '10.0.0.1/24', gateway: '' }, 'INVALID_ARGUMENT', 'network "a": invalid subnet "10.0.0.1/24"'],
    [{ subnet: '10.0.0.0/30', gateway: '' }, 'INVALID_ARGUMENT', 'network "a": invalid subnet "10.0.0.0/30"'],
    [
      { subnet: '10.9.0.0/24', gateway: '' },
      'IN_USE',
      'network "a": subnet 10.9.0.0/24 overlaps 10.9.0.0/16 of network "b"',
    ],
    [
      { subnet: '10.8.0.0/16', gateway: '' },
      'IN_USE',
      'network "a": subnet 10.8.0.0/16 contains the address 10.8.0.1 of a node',
    ],
    [
      { subnet: '10.0.0.0/24', gateway: '10.0.1.1' },
      'INVALID_ARGUMENT',
      'network "a": gateway "10.0.1.1" is no address of 10.0.0.0/24',
    ],
    [
      { subnet: '10.0.0.0/24', gateway: '10.0.0.255' },
      'INVALID_ARGUMENT',
      'network "a": gateway "10.0.0.255" is no address of 10.0.0.0/24',
    ],
    [
      { ...ANY, ipRange: '10.0.0.0/24' },
      'INVALID_ARGUMENT',
      'network "a" has an IP range, but no subnet that it is in',
    ],
    [
      { ...ANY, auxAddresses: { nas: '10.0.0.9' } },
      'INVALID_ARGUMENT',
      'network "a" keeps 10.0.0.9 free, but has no subnet that it is in',
    ],
    [
      { ...ANY, subnet: '10.0.0.0/24', auxAddresses: { nas: '10.0.1.9' } },
      'INVALID_ARGUMENT',
      'network "a": address "10.0.1.9" of nas is none of 10.0.0.0/24',
    ],
    [
      { ...ANY, subnet: '10.0.0.0/24', ipRange: '10.0.1.0/26' },
      'INVALID_ARGUMENT',
      'network "a": IP range "10.0.1.0/26" is no part of 10.0.0.0/24',
    ],
    [
      { ...ANY, subnet: '10.0.0.0/24', ipRange: '10.0.0.8/30' },
      'INVALID_ARGUMENT',
      'network "a": IP range 10.0.0.8/30 is too small',
    ],
  ])('refuses %o', (wanted, code, message) => {
    const others = [network('b', '10.9.0.0/16')];
    expect(() => allocateSubnet('a', { ipRange: '', auxAddresses: {}, ...wanted }, others, ['10.8.0.1'])).toThrow(
      expect.objectContaining({ code, message }),
    );
  });

  it('says when the pool is empty', () => {
    expect(() => allocateSubnet('a', ANY, [network('all', '10.192.0.0/11')], [])).toThrow('no subnet is left');
  });
});

describe('planBlocks', () => {
  const nodes = new Set(['n1', 'n2']);
  const cidrs = (blocks: readonly { nodeId: string; cidr: string }[]) => blocks.map((b) => `${b.nodeId} ${b.cidr}`);

  it('gives a node a block when its first task comes, and another when that gets tight', () => {
    const empty = network('a', '10.0.0.0/20', '10.0.0.1');
    const first = planBlocks(empty, new Map([['n1', 1]]), nodes);
    expect(cidrs(first.blocks)).toEqual(['n1 10.0.0.0/26']);
    const second = planBlocks(
      { ...empty, blocks: [...first.blocks] },
      new Map([
        ['n1', 60],
        ['n2', 1],
      ]),
      nodes,
    );
    expect(cidrs(second.blocks)).toEqual(['n1 10.0.0.0/26', 'n1 10.0.0.64/26', 'n2 10.0.0.128/26']);
  });

  it('gives blocks of the range alone', () => {
    const whole = network('a', '10.0.0.0/16', '10.0.0.1');
    const ranged = { ...whole, spec: { ...whole.spec, ipRange: '10.0.4.0/27' } };
    const plan = planBlocks(
      ranged,
      new Map([
        ['n1', 1],
        ['n2', 40],
      ]),
      nodes,
    );
    expect(plan.blocks.filter(({ cidr }) => !/^10\.0\.4\.([012]?\d|3[01])\/30$/.test(cidr))).toEqual([]);
    expect(plan.exhausted).toEqual(['n2']);
  });

  it('leaves a node without tasks its blocks, and takes those of a node that has gone', () => {
    const blocks = [
      { nodeId: 'n1', cidr: '10.0.0.0/26' },
      { nodeId: 'gone', cidr: '10.0.0.64/26' },
    ];
    const plan = planBlocks(network('a', '10.0.0.0/20', '10.0.0.1', blocks), new Map([['n2', 1]]), nodes);
    expect(cidrs(plan.blocks)).toEqual(['n1 10.0.0.0/26', 'n2 10.0.0.64/26']);
  });

  it('gives all of a small network to the first node, and says that there is no more', () => {
    const small = network('a', '10.0.0.0/28', '10.0.0.1');
    const plan = planBlocks(
      small,
      new Map([
        ['n1', 13],
        ['n2', 1],
      ]),
      nodes,
    );
    expect(cidrs(plan.blocks)).toEqual(['n1 10.0.0.0/30', 'n1 10.0.0.4/30', 'n1 10.0.0.8/30', 'n1 10.0.0.12/30']);
    expect(plan.exhausted).toEqual(['n2']);
    expect(planBlocks(small, new Map([['n1', 14]]), nodes).exhausted).toEqual(['n1']);
  });

  it('are small where the network is, so that 16 nodes can have one', () => {
    const demand = new Map(Array.from({ length: 16 }, (_, index) => [`n${index}`, 1] as const));
    const present = new Set(demand.keys());
    const plan = planBlocks(network('a', '10.0.0.0/24', '10.0.0.1'), demand, present);
    expect(plan.exhausted).toEqual([]);
    expect(new Set(plan.blocks.map(({ nodeId }) => nodeId)).size).toBe(16);
  });

  it("leave out services' own addresses", () => {
    const small = network('a', '10.0.0.0/28', '10.0.0.1');
    const { blocks } = planBlocks(small, new Map([['n1', 1]]), new Set(['n1']), ['10.0.0.6', '10.0.0.15']);
    expect(cidrs(blocks)).toEqual(['n1 10.0.0.0/30', 'n1 10.0.0.8/30']);
  });
});

describe('allocatePorts', () => {
  const port = (publishedPort: number, options: Partial<PortConfig> = {}): PortConfig => ({
    protocol: PortProtocol.TCP,
    targetPort: 80,
    publishedPort,
    hostIp: '',
    mode: PublishMode.INGRESS,
    ...options,
  });

  it('chooses a free port for 0, and keeps it', () => {
    const others = [{ ...service('other'), ports: [port(30000)] }];
    const chosen = allocatePorts('web', [port(0)], [], others);
    expect(chosen.map((p) => p.publishedPort)).toEqual([30001]);
    expect(allocatePorts('web', [port(0)], chosen, [])).toEqual(chosen);
    expect(allocatePorts('web', [port(0)], chosen, [{ ...service('x'), ports: chosen }])[0]?.publishedPort).toBe(30000);
  });

  it('chooses a free port of a range, and keeps it as long as it is one of them', () => {
    const range = port(8000, { publishedLast: 8002 });
    const others = [{ ...service('other'), ports: [port(8000)] }];
    const chosen = allocatePorts('web', [range], [], others);
    expect(chosen).toEqual([port(8001)]);
    expect(allocatePorts('web', [range], chosen, [])).toEqual(chosen);
    expect(allocatePorts('web', [{ ...range, publishedPort: 8002, publishedLast: 8004 }], chosen, [])).toEqual([
      port(8002),
    ]);
    expect(allocatePorts('web', [range, { ...range, targetPort: 81 }], chosen, others)).toEqual([
      port(8001),
      port(8002, { targetPort: 81 }),
    ]);
    expect(allocatePorts('web', [port(8000), range], [], [])).toEqual([port(8000), port(8001)]);
    const full = [8000, 8001, 8002].map((one) => port(one));
    expect(() => allocatePorts('web', [range], [], [{ ...service('other'), ports: full }])).toThrow(
      'no port between 8000 and 8002 is left for service web',
    );
    expect(() => allocatePorts('web', [port(8000, { publishedLast: 70000 })], [], [])).toThrow(
      'invalid port 8000-70000:80',
    );
    expect(allocatePorts('web', [{ ...range, mode: PublishMode.HOST }], [], [])).toEqual([
      { ...range, mode: PublishMode.HOST },
    ]);
  });

  it('knows which a service goes on having', () => {
    const range = port(8000, { publishedLast: 8002 });
    const ports = [port(80), range, port(0, { targetPort: 81 })];
    expect(keptPorts(ports, [])).toEqual([port(80)]);
    expect(keptPorts(ports, [port(8001), port(30005, { targetPort: 81 }), port(9000, { targetPort: 82 })])).toEqual([
      ...[port(80), port(8001), port(30005, { targetPort: 81 })],
    ]);
  });

  it('refuses what another service publishes, unless that goes or the protocol differs', () => {
    const other = { ...service('other'), ports: [port(80)] };
    expect(() => allocatePorts('web', [port(80)], [], [other])).toThrow(
      'port 80/tcp is already published by service other',
    );
    expect(allocatePorts('web', [port(80)], [], [{ ...other, pendingDelete: true }])).toHaveLength(1);
    expect(allocatePorts('web', [port(80, { protocol: PortProtocol.UDP })], [], [other])).toHaveLength(1);
  });

  it('refuses a port twice in one service, and numbers that are none', () => {
    expect(() => allocatePorts('web', [port(80), port(80)], [], [])).toThrow('already published by service web');
    expect(() => allocatePorts('web', [port(70000)], [], [])).toThrow('invalid port 70000:80');
    expect(() => allocatePorts('web', [port(80, { targetPort: 0 })], [], [])).toThrow('invalid port 80:0');
  });

  it('says when none is left', () => {
    const ports = Array.from({ length: 2768 }, (_, n) => port(30000 + n));
    expect(() => allocatePorts('web', [port(0)], [], [{ ...service('other'), ports }])).toThrow('no port between');
  });
});
