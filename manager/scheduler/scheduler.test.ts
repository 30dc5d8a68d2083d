import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type GenericReservation,
  NetworkConfig,
  NetworkSpec,
  NodeAvailability,
  NodeState,
  Placement,
  PlacementStrategy,
  PortProtocol,
  PublishMode,
  TaskState,
} from '../../proto/generated/gantry/v1/types.ts';
import { type Holders, NodeImages } from '../images/node-images.ts';
import { type NodeOptions, node, service, type TaskOptions, task } from '../objects.testing.ts';
import { rulesOf } from '../placement/rules.ts';
import type { NeedyNetwork } from '../store/network-needs.ts';
import type { ServiceObject } from '../store/service.ts';
import type { TaskObject } from '../store/task.ts';
import type { Homes } from '../volumes/homes.ts';
import { filtersOf, type Wanted } from './filters.ts';
import { Heap } from './heap.ts';
import { NodeChooser } from './node-chooser.ts';
import { NodeInfo } from './node-info.ts';
import { type Circumstances, PlacementRound } from './placement.ts';

const NOBODY: Holders = new Map();

const info = (id: string, options: NodeOptions = {}) => new NodeInfo(node(id, options));

function pending(options: TaskOptions = {}, memoryBytes = 0, nanoCpus = 0): TaskObject {
  const made = task('t', { state: TaskState.PENDING, ...options });
  const reservations = { memoryBytes, nanoCpus, pids: 0 };
  return { ...made, spec: { ...made.spec, resources: { limits: undefined, reservations, genericReservations: [] } } };
}

function needy(name: string, spec: Partial<NetworkSpec>, subnet = '192.168.1.0/24'): NeedyNetwork {
  const annotations = { name, labels: {} };
  return { spec: { ...NetworkSpec.fromPartial(spec), annotations }, subnet, gateway: '192.168.1.1' };
}

const byId = (nodes: readonly NodeInfo[]) => new Map(nodes.map((one) => [one.node.id, one]));

const wantedBy = (task: TaskObject, placement?: Placement, holders: Holders = NOBODY, homes?: Homes): Wanted => {
  const rules = rulesOf(placement);
  return { task, rules, strategy: rules.strategy, holders, homes, needyNetworks: [] };
};

const chosen = (wanted: TaskObject, nodes: NodeInfo[], placement?: Placement, nowMs = 0) => {
  const choice = new NodeChooser(wantedBy(wanted, placement), nodes, byId(nodes), nowMs).next();
  return 'info' in choice ? choice.info.node.id : choice.reason;
};

describe('NodeChooser', () => {
  it('takes the node with the fewest tasks of the service, then the fewest at all, then by id', () => {
    const [a, b, c] = [info('a'), info('b'), info('c')];
    expect(chosen(pending(), [c, b, a])).toBe('a');
    a.set(task('1', { serviceId: 'other' }));
    expect(chosen(pending(), [a, b, c])).toBe('b');
    b.set(task('2', { serviceId: 'web' }));
    c.set(task('3', { serviceId: 'web' }));
    expect(chosen(pending(), [a, b, c])).toBe('a');
  });

  it.each<[string, TaskObject, NodeOptions]>([
    ['not ready', pending(), { state: NodeState.DOWN }],
    ['not ready', pending(), { state: NodeState.UNKNOWN }],
    ['paused', pending(), { availability: NodeAvailability.PAUSE }],
    ['drained', pending(), { availability: NodeAvailability.DRAIN }],
    ['insufficient memory', pending({}, 101), { memoryBytes: 100 }],
    ['insufficient cpu', pending({}, 0, 101), { nanoCpus: 100 }],
  ])('says why: %s', (reason, wanted, options) => {
    expect(chosen(wanted, [info('a', options)])).toBe(`no suitable node (1 node: ${reason})`);
  });

  it('takes a node that has WireGuard for what is on an encrypted network, and says so when there is none', () => {
    const wanted = { ...wantedBy(pending()), needyNetworks: [needy('shop_secret', { driverOpts: { encrypted: '' } })] };
    const [without, able] = [info('a'), info('b', { encrypts: true })];
    const choose = (nodes: NodeInfo[]) => new NodeChooser(wanted, nodes, byId(nodes), 0).next();
    expect(choose([without, able])).toEqual({ info: able });
    expect(choose([without])).toEqual({
      reason: 'no suitable node (1 node: no WireGuard for encrypted network shop_secret)',
    });
  });

  const OFFICE = { name: 'office', subnet: '192.168.1.0/24', gateway: '192.168.1.1', ipRange: '' };
  const config = (parent: string, more: object = {}) =>
    NetworkConfig.fromPartial({ ...OFFICE, driverOpts: { parent }, ...more });

  it.each([
    ['has its link', { driverOpts: { parent: 'eth1' } }, { links: ['eth0', 'eth1'] }, undefined],
    ['can have its VLAN', { driverOpts: { parent: 'eth1.20' } }, { links: ['eth1'] }, undefined],
    [
      'has another link',
      { driverOpts: { parent: 'eth1' } },
      { links: ['eth0'] },
      'no link eth1 for macvlan network lan',
    ],
    ['says its link', { configFrom: 'office' }, { links: ['br0'], networkConfigs: [config('br0')] }, undefined],
    [
      'has lost that',
      { configFrom: 'office' },
      { networkConfigs: [config('br0')] },
      'no link br0 for macvlan network lan',
    ],
    ['says nothing', { configFrom: 'office' }, {}, 'no config-only network office for macvlan network lan'],
    [
      'is on another LAN',
      { configFrom: 'office' },
      { links: ['br0'], networkConfigs: [config('br0', { subnet: '192.168.2.0/24' })] },
      'config-only network office has other addresses than macvlan network lan',
    ],
  ])('asks of a node for a macvlan network whether it %s', (_, spec, options, reason) => {
    const wanted = { ...wantedBy(pending()), needyNetworks: [needy('lan', { driver: 'macvlan', ...spec })] };
    const only = info('a', options);
    const choice = new NodeChooser(wanted, [only], byId([only]), 0).next();
    expect(choice).toEqual(reason === undefined ? { info: only } : { reason: `no suitable node (1 node: ${reason})` });
  });

  it('counts the whys, most frequent first', () => {
    const nodes = [info('a', { state: NodeState.DOWN }), info('b', { memoryBytes: 1 }), info('c', { memoryBytes: 1 })];
    expect(chosen(pending({}, 2), nodes)).toBe('no suitable node (2 nodes: insufficient memory; 1 node: not ready)');
    expect(chosen(pending(), [])).toBe('no suitable node (the cluster has none)');
  });

  it('counts what tasks have reserved, until they end', () => {
    const a = info('a', { memoryBytes: 100 });
    a.set(pending({ id: 'first' }, 60));
    expect(chosen(pending({}, 60), [a])).toContain('insufficient memory');
    a.set(pending({ id: 'first', state: TaskState.FAILED }, 60));
    expect(chosen(pending({}, 60), [a])).toBe('a');
  });

  it('gives units of generic resources to one task each, by name where they have one, until it ends', () => {
    const genericResources = [
      { kind: 'gpu', names: ['A', 'B', 'C'], count: 0 },
      { kind: 'ssd', names: [], count: 2 },
    ];
    const a = info('a', { genericResources });
    const wanting = (id: string, ...genericReservations: GenericReservation[]): TaskObject => {
      const made = pending({ id });
      return {
        ...made,
        spec: { ...made.spec, resources: { limits: undefined, reservations: undefined, genericReservations } },
      };
    };
    const give = (task: TaskObject) => {
      const given = { ...task, genericResources: a.chooseGenericResources(task) };
      a.set(given);
      return given.genericResources;
    };
    const first = wanting('1', { kind: 'gpu', count: 1 });
    expect(give(first)).toEqual([{ kind: 'gpu', names: ['A'], count: 0 }]);
    const second = give(wanting('2', { kind: 'gpu', count: 1 }, { kind: 'ssd', count: 2 }));
    expect(second).toEqual([
      { kind: 'gpu', names: ['B'], count: 0 },
      { kind: 'ssd', names: [], count: 2 },
    ]);
    expect(chosen(wanting('3', { kind: 'gpu', count: 2 }), [a])).toBe('no suitable node (1 node: insufficient gpu)');
    expect(chosen(wanting('3', { kind: 'ssd', count: 1 }), [a])).toBe('no suitable node (1 node: insufficient ssd)');
    expect(chosen(wanting('3', { kind: 'fpga', count: 1 }), [a])).toBe('no suitable node (1 node: no fpga)');
    a.delete('1');
    expect(give(wanting('3', { kind: 'gpu', count: 2 }))[0]?.names).toEqual(['A', 'C']);
  });

  it('counts what tasks have been given also when the node says that it has other units now', () => {
    const a = info('a', { genericResources: [{ kind: 'gpu', names: ['A', 'B'], count: 0 }] });
    a.set(pending({ id: '1', genericResources: [{ kind: 'gpu', names: ['A', 'B'], count: 0 }] }));
    for (const [names, count, free] of [
      [['B', 'C'], 0, 0],
      [['A', 'B', 'C'], 0, 1],
      [[], 3, 1],
      [[], 1, 0],
    ] as const) {
      a.node = info('a', { genericResources: [{ kind: 'gpu', names: [...names], count }] }).node;
      expect(a.genericUnits('gpu').free).toBe(free);
    }
  });

  it('gives a port of the host to one task', () => {
    const ports = [
      { protocol: PortProtocol.TCP, targetPort: 80, publishedPort: 8080, hostIp: '', mode: PublishMode.HOST },
    ];
    const a = info('a');
    a.set(pending({ id: 'first', ports }));
    expect(chosen(pending({ ports }), [a])).toBe('no suitable node (1 node: host port 8080/tcp in use)');
    expect(chosen(pending(), [a])).toBe('a');
  });
});

it('asks nodes only for what the task wants', () => {
  const asked = (wanted: TaskObject, placement?: Partial<Placement>) =>
    filtersOf(wantedBy(wanted, placement && Placement.fromPartial(placement))).length;
  const always = asked(pending());
  expect(always).toBe(2);
  expect(asked(pending({}, 1))).toBe(always + 1);
  expect(asked(pending({}, 1, 1))).toBe(always + 2);
  expect(asked(pending(), { spread: ['node.labels.zone'] })).toBe(always);
  expect(asked(pending(), { constraints: ['node.labels.disk==ssd'], maxReplicasPerNode: 1 })).toBe(always + 2);
});

describe('NodeChooser by placement', () => {
  const placed = (fields: Partial<Placement>) => Placement.fromPartial(fields);
  const zone = (id: string, labels: Record<string, string>, options: NodeOptions = {}) =>
    info(id, { labels, ...options });

  it('says which constraint keeps a task from which nodes', () => {
    const nodes = [zone('a', { disk: 'hdd' }), zone('b', {}), zone('c', { disk: 'ssd' }, { memoryBytes: 1 })];
    expect(chosen(pending({}, 2), nodes, placed({ constraints: ['node.labels.disk==ssd'] }))).toBe(
      'no suitable node (2 nodes: constraint node.labels.disk==ssd not met; 1 node: insufficient memory)',
    );
  });

  it('puts no more of a service on a node than it may have', () => {
    const nodes = [info('a'), info('b')];
    nodes[0]?.set(task('1'));
    const placement = placed({ maxReplicasPerNode: 1 });
    expect(chosen(pending(), nodes, placement)).toBe('b');
    nodes[1]?.set(task('2'));
    expect(chosen(pending(), nodes, placement)).toBe(
      'no suitable node (2 nodes: has 1 of the service, the most it may have)',
    );
  });

  it('gives the values of a label equally many tasks, whatever the number of nodes, and then those of the next', () => {
    const nodes = [
      zone('a1', { dc: 'a', rack: '1' }),
      zone('a2', { dc: 'a', rack: '1' }),
      zone('a3', { dc: 'a', rack: '2' }),
      zone('b1', { dc: 'b', rack: '1' }),
    ];
    const placement = placed({ spread: ['node.labels.dc', 'node.labels.rack'] });
    const order = Array.from({ length: 6 }, (_, index) => {
      const id = chosen(pending(), nodes, placement);
      nodes.find(({ node: { id: own } }) => own === id)?.set(task(`t${index}`));
      return id;
    });
    expect(order).toEqual(['a1', 'b1', 'a3', 'b1', 'a2', 'b1']);
  });

  it('counts nodes without the label as one more value', () => {
    const nodes = [zone('a', { dc: 'a' }), zone('b', {}), zone('c', {})];
    nodes[0]?.set(task('1'));
    nodes[1]?.set(task('2'));
    nodes[1]?.set(task('3'));
    expect(chosen(pending(), nodes, placed({ spread: ['node.labels.dc'] }))).toBe('a');
  });

  it('fills the node with the least reserved, or with binpack the one with the most that has room', () => {
    const nodes = [info('a', { memoryBytes: 100 }), info('b', { memoryBytes: 100 }), info('c', { memoryBytes: 100 })];
    nodes[1]?.set({ ...pending({ id: '1', serviceId: 'other', state: TaskState.RUNNING }, 40) });
    nodes[2]?.set({ ...pending({ id: '2', serviceId: 'other', state: TaskState.RUNNING }, 90) });
    expect(chosen(pending({}, 20), nodes)).toBe('a');
    expect(chosen(pending({}, 20), nodes, placed({ strategy: PlacementStrategy.BINPACK }))).toBe('b');
  });

  it('avoids a node where the version has failed five times within five minutes', () => {
    const nodes = [info('a'), info('b')];
    nodes[1]?.set(task('1'));
    const failure = task('f', { state: TaskState.FAILED });
    for (let count = 0; count < 5; count += 1) {
      expect(chosen(pending(), nodes, undefined, 60_000)).toBe('a');
      nodes[0]?.recordFailure({ ...failure, status: { ...failure.status, timestampMs: 60_000 } });
    }
    expect(chosen(pending(), nodes, undefined, 60_000)).toBe('b');
    expect(chosen(pending({ specVersion: 2 }), nodes, undefined, 60_000)).toBe('a');
    expect(chosen(pending(), nodes, undefined, 360_000)).toBe('a');
  });
});

describe('NodeChooser by image', () => {
  const holders: Holders = new Map([['c', undefined]]);
  const order = (count: number, nodes: NodeInfo[], placement?: Placement) => {
    const chooser = new NodeChooser(wantedBy(pending(), placement, holders), nodes, byId(nodes), 0);
    return Array.from({ length: count }, (_, index) => {
      const choice = chooser.next();
      if (!('info' in choice)) return choice.reason;
      choice.info.set(task(`t${index}`));
      return choice.info.node.id;
    });
  };

  it('prefers the node that has it among equal ones, and spreads all the same', () => {
    expect(order(6, [info('a'), info('b'), info('c')])).toEqual(['c', 'a', 'b', 'c', 'a', 'b']);
  });

  it('does not fill the node that has it while others have less to do', () => {
    const nodes = [info('a'), info('b'), info('c')];
    nodes[2]?.set(task('other', { serviceId: 'other' }));
    expect(order(2, nodes)).toEqual(['a', 'b']);
  });

  it('decides where binpack begins', () => {
    const placement = Placement.fromPartial({ strategy: PlacementStrategy.BINPACK });
    expect(order(3, [info('a'), info('b'), info('c')], placement)).toEqual(['c', 'c', 'c']);
  });
});

describe('NodeChooser for many tasks', () => {
  const placements: [string, Partial<Placement>][] = [
    ['spread', {}],
    ['binpack', { strategy: PlacementStrategy.BINPACK }],
    ['at most three per node', { maxReplicasPerNode: 3 }],
    ['spread over labels', { spread: ['node.labels.dc', 'node.labels.rack'] }],
  ];

  /** Nodes of several sizes that run something already; some don't take more. */
  function fleet(): NodeInfo[] {
    return Array.from({ length: 30 }, (_, number) => {
      const availability = number % 7 === 0 ? NodeAvailability.PAUSE : NodeAvailability.ACTIVE;
      const labels = { dc: `${number % 3}`, rack: `${number % 5}` };
      const made = info(`n${number}`, { memoryBytes: 50 + (number % 4) * 20, availability, labels });
      for (let count = 0; count < number % 3; count += 1) {
        const serviceId = count === 0 ? 'web' : 'other';
        made.set(
          pending({ id: `old${number}.${count}`, serviceId, nodeId: `n${number}`, state: TaskState.RUNNING }, 7),
        );
      }
      return made;
    });
  }

  it.each(placements)('gives each the node that it would have got by itself: %s', (_name, fields) => {
    const placement = Placement.fromPartial(fields);
    const holders: Holders = new Map(Array.from({ length: 10 }, (_, number) => [`n${number * 3}`, undefined]));
    const [together, alone] = [fleet(), fleet()];
    const chooser = new NodeChooser(wantedBy(pending({}, 10), placement, holders), together, byId(together), 0);
    for (let number = 0; number < 250; number += 1) {
      const wanted = pending({ id: `t${number}`, state: TaskState.PENDING }, 10);
      const [one, other] = [
        chooser.next(),
        new NodeChooser(wantedBy(wanted, placement, holders), alone, byId(alone), 0).next(),
      ];
      expect('info' in one ? one.info.node.id : one.reason).toBe('info' in other ? other.info.node.id : other.reason);
      const put = { ...wanted, status: { ...wanted.status, state: TaskState.RUNNING } };
      for (const choice of [one, other]) if ('info' in choice) choice.info.set(put);
    }
  });
});

describe('Heap', () => {
  it('gives back what is in it in order, whatever came when', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.array(fc.option(fc.integer())), (first, steps) => {
        const heap = new Heap(first, (a, b) => a - b);
        const expected = [...first];
        for (const step of steps) {
          expected.sort((a, b) => a - b);
          if (step === null) expect(heap.pop()).toBe(expected.shift());
          else {
            heap.push(step);
            expected.push(step);
          }
        }
        for (const item of expected.toSorted((a, b) => a - b)) expect(heap.pop()).toBe(item);
        expect(heap.pop()).toBeUndefined();
      }),
    );
  });
});

const CIRCUMSTANCES: Circumstances = {
  images: new NodeImages(),
  defaultStrategy: PlacementStrategy.UNSPECIFIED,
  nowMs: 0,
  homesOf: () => undefined,
  needyNetworksOf: () => [],
  networkPeerOf: () => ({ kind: 'own' }),
  tasksOf: () => [],
};

describe('PlacementRound', () => {
  const place = (task: TaskObject, of: ServiceObject | undefined, all: Map<string, NodeInfo>, nowMs: number) =>
    new PlacementRound(all, { ...CIRCUMSTANCES, nowMs }).place(task, of);

  const nodes = new Map([
    ['a', info('a')],
    ['b', info('b')],
  ]);

  it('leaves tasks alone that others decide about', () => {
    expect(place(pending(), undefined, nodes, 0)).toEqual({ outcome: 'held' });
    expect(place(pending(), service('web', { pendingDelete: true }), nodes, 0)).toEqual({ outcome: 'held' });
    expect(place(pending(), service('web', { dependenciesMet: false }), nodes, 0)).toEqual({ outcome: 'held' });
    expect(place(pending({ desiredState: TaskState.SHUTDOWN }), service('web'), nodes, 0)).toEqual({ outcome: 'held' });
  });

  it('goes by the strategy of the cluster where the service has none', () => {
    const fleet = new Map(['a', 'b'].map((id) => [id, info(id)] as const));
    fleet.get('b')?.set(task('1', { serviceId: 'other' }));
    const nodeOf = (strategy: PlacementStrategy, defaultStrategy: PlacementStrategy) => {
      const of = service('web', { placement: Placement.fromPartial({ strategy }) });
      const placed = new PlacementRound(fleet, { ...CIRCUMSTANCES, defaultStrategy }).place(pending(), of);
      return placed.outcome === 'assigned' ? placed.nodeId : placed.outcome;
    };
    const { UNSPECIFIED, SPREAD, BINPACK } = PlacementStrategy;
    expect([UNSPECIFIED, SPREAD].map((own) => nodeOf(UNSPECIFIED, own))).toEqual(['a', 'a']);
    expect(nodeOf(UNSPECIFIED, BINPACK)).toBe('b');
    expect(nodeOf(SPREAD, BINPACK)).toBe('a');
    expect(nodeOf(BINPACK, SPREAD)).toBe('b');
  });

  it('holds a restart until its time', () => {
    const restart = pending({ startAfterMs: 100 });
    expect(place(restart, service('web'), nodes, 99)).toEqual({ outcome: 'not-before', timeMs: 100 });
    expect(place(restart, service('web'), nodes, 100)).toEqual({
      outcome: 'assigned',
      nodeId: 'a',
      genericResources: [],
    });
  });

  it("puts a global service's task on its node, or nowhere", () => {
    expect(place(pending({ slot: 0, nodeId: 'b' }), service('web'), nodes, 0)).toEqual({
      outcome: 'assigned',
      nodeId: 'b',
      genericResources: [],
    });
    expect(place(pending({ slot: 0, nodeId: 'gone' }), service('web'), nodes, 0).outcome).toBe('unplaceable');
  });

  it('puts a task beside the one whose network it shares, as far as it may be there', () => {
    const db = task('d', { serviceName: 'db', nodeId: 'b' });
    const beside = (homes: Homes | undefined, fleet = nodes) => {
      const networkPeerOf = () => ({ kind: 'task', task: db }) as const;
      const round = new PlacementRound(fleet, { ...CIRCUMSTANCES, homesOf: () => homes, networkPeerOf });
      return round.place(pending(), service('web'));
    };
    expect(beside(undefined)).toMatchObject({ outcome: 'assigned', nodeId: 'b', networkTaskId: 'd' });
    expect(beside({ nodeIds: ['a', 'b'], reason: 'volume v is on nodes a, b' })).toMatchObject({ nodeId: 'b' });
    expect(beside({ nodeIds: ['a'], reason: 'volume v is on node a' })).toEqual({
      outcome: 'unplaceable',
      reason:
        'no suitable node (2 nodes: volume v is on node a, task db.1, whose network it shares, is on another one)',
    });
    const drained = new Map([...nodes, ['b', info('b', { availability: NodeAvailability.DRAIN })]]);
    expect(beside(undefined, drained)).toEqual({
      outcome: 'unplaceable',
      reason: 'no suitable node (1 node: task db.1, whose network it shares, is on another one; 1 node: drained)',
    });
  });

  it('says what a task waits for whose network, or hooks, are another one’s', () => {
    const networkPeerOf = () => ({ kind: 'awaited', reason: 'waiting for task db.1' }) as const;
    const round = new PlacementRound(nodes, { ...CIRCUMSTANCES, networkPeerOf });
    expect(round.place(pending(), service('web'))).toEqual({ outcome: 'unplaceable', reason: 'waiting for task db.1' });
  });

  it('gives no task to an agent that would leave out a part of it', () => {
    const wanted = pending();
    const container = { ...wanted.spec.container, containerName: 'front' };
    const named = { ...wanted, spec: { ...wanted.spec, container } };
    const mixed = new Map([
      ['a', info('a', { taskFormat: 5 })],
      ['b', info('b')],
    ]);
    expect(place(named, service('web'), mixed, 0)).toMatchObject({ outcome: 'assigned', nodeId: 'b' });
    expect(place(wanted, service('web'), mixed, 0)).toMatchObject({ outcome: 'assigned', nodeId: 'a' });
    expect(place(named, service('web'), new Map([['a', info('a', { taskFormat: 5 })]]), 0)).toEqual({
      outcome: 'unplaceable',
      reason: 'no suitable node (1 node: its gantryd is too old for a container name)',
    });
  });
});
