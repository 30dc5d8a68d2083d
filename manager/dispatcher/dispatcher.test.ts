import pino from 'pino';
import { describe, expect, it } from 'vitest';
import type { AssignmentChange } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { PortConfig, PublishMode, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { INGRESS_NETWORK } from '../../proto/ingress-network.ts';
import { node, service, type TaskOptions, task } from '../objects.testing.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import { networkType } from '../store/network.ts';
import { secretType } from '../store/secret.ts';
import { StoreState } from '../store/state.ts';
import { Store } from '../store/store.ts';
import { NO_TASK_STATUS, type TaskObject } from '../store/task.ts';
import { AttachedTable } from './attached.ts';
import { EndpointTable, endpointsOf } from './endpoints.ts';
import { Liveness } from './liveness.ts';
import { NodeAssignments, type Routing } from './node-assignments.ts';
import { PeerTable } from './peers.ts';
import { judge } from './statuses.ts';
import { Withdrawals } from './withdrawals.ts';

const { NEW, ASSIGNED, PREPARING, STARTING, RUNNING, COMPLETE, SHUTDOWN, FAILED, REMOVE, ORPHANED } = TaskState;

describe('judge', () => {
  const verdict = (from: TaskState, to: TaskState, nodeId = 'n1') =>
    judge(task('t', { state: from, nodeId: 'n1' }), nodeId, { ...NO_TASK_STATUS, state: to }).verdict;

  it.each([
    [ASSIGNED, PREPARING],
    [ASSIGNED, FAILED],
    [STARTING, RUNNING],
    [RUNNING, COMPLETE],
    [RUNNING, SHUTDOWN],
  ])('lets a task go forward: %i → %i', (from, to) => expect(verdict(from, to)).toBe('accept'));

  it.each([
    [RUNNING, STARTING],
    [FAILED, RUNNING],
    [COMPLETE, SHUTDOWN],
    [ASSIGNED, NEW],
    [RUNNING, ORPHANED],
    [FAILED, REMOVE],
  ])('refuses the rest: %i → %i', (from, to) => expect(verdict(from, to)).toBe('refuse'));

  it('notices what says nothing new, and what says more', () => {
    const running = task('t', { state: RUNNING });
    expect(judge(running, 'n1', { ...running.status, timestampMs: 5 }).verdict).toBe('unchanged');
    expect(judge(running, 'n1', { ...running.status, message: 'unhealthy' }).verdict).toBe('accept');
  });

  it("takes a node's word only for its own tasks", () => {
    expect(verdict(ASSIGNED, RUNNING, 'n2')).toBe('stray');
    expect(judge(undefined, 'n1', NO_TASK_STATUS).verdict).toBe('stray');
  });
});

describe('endpointsOf', () => {
  const addresses = [{ networkId: 'net', address: '10.0.0.2' }];
  const web = service('web', { networks: ['net'] });

  it('has the tasks that run, are meant to, and have an address', () => {
    const tasks = [
      task('b', { slot: 2, addresses }),
      task('a', { slot: 1, addresses }),
      task('no-address', { slot: 3 }),
      task('stopping', { slot: 4, addresses, desiredState: SHUTDOWN }),
      task('starting', { slot: 5, addresses, state: STARTING }),
    ];
    const endpoints = endpointsOf(web, tasks)?.endpoints;
    expect(endpoints?.map((e) => [e.taskId, e.containerName])).toEqual([
      ['a', 'web.1.a'],
      ['b', 'web.2.b'],
    ]);
  });

  it('has no ports when all networks are internal: nodes would send each other what comes', () => {
    const port = PortConfig.fromPartial({ targetPort: 80, publishedPort: 8080 });
    const published = { ...service('web', { networks: ['inner', 'net'] }), ports: [port] };
    const network = (internal: boolean, ipv6Subnet = '') => ({ spec: { internal }, ipv6Subnet });
    expect(endpointsOf(published, [], (id) => network(id === 'inner'))?.ports).toEqual([port]);
    expect(endpointsOf(published, [], () => network(true))?.ports).toEqual([]);
    // A way out by IPv4 is none by IPv6.
    const inner6 = (id: string) => (id === 'inner' ? network(true, 'fd00:1::/64') : network(false));
    expect(endpointsOf(published, [], inner6)?.ports).toEqual([port]);
  });

  it('has ports on all addresses once more for IPv6, where its tasks have that', () => {
    const port = PortConfig.fromPartial({ targetPort: 80, publishedPort: 8080 });
    const [local, host] = [
      { ...port, hostIp: '127.0.0.1' },
      { ...port, mode: PublishMode.HOST },
    ];
    const published = { ...service('web', { networks: ['net'] }), ports: [port, local, host] };
    const dual = () => ({ spec: { internal: false }, ipv6Subnet: 'fd00:1::/64' });
    expect(endpointsOf(published, [], dual)?.ports).toEqual([port, local, host, { ...port, hostIp: '::' }]);
  });

  it('is nothing for a service that is out of reach or on its way out', () => {
    expect(endpointsOf(service('web'), [])).toBeUndefined();
    expect(endpointsOf(service('web', { networks: ['net'], pendingDelete: true }), [])).toBeUndefined();
  });
});

describe('assignments', () => {
  const key = { name: 'key', id: 'key', target: '/run/key', uid: 0, gid: 0, mode: 0o400 };

  async function open(blocks: { nodeId: string; cidr: string }[], tasks: TaskObject[]) {
    const state = new StoreState(pino({ level: 'silent' }));
    const store = new Store(state, new MemoryLog('n1', state), { now: () => 0, sleep: () => Promise.resolve() });
    await store.update((tx) => {
      const absent = { meta: undefined, spec: undefined, pendingDelete: false };
      const addresses = { subnet: '10.0.0.0/24', gateway: '10.0.0.1', ipv6Subnet: '', ipv6Gateway: '', blocks };
      tx.create('network', networkType.complete({ id: 'net', ...addresses, vni: 7, ...absent }));
      tx.create('secret', secretType.complete({ id: 'key', ...absent }));
      for (const id of ['n1', 'n2']) tx.create('node', node(id));
      tx.create('service', service('web', { networks: ['net'] }));
      for (const made of tasks) tx.create('task', made);
    });
    return store;
  }

  function user(id: string, options: TaskOptions = {}): TaskObject {
    const made = task(id, options);
    const networks = [{ target: 'net', aliases: [] }];
    return { ...made, spec: { ...made.spec, networks, container: { ...made.spec.container, secrets: [key] } } };
  }

  /** What a node that knows this much is told next. */
  async function told(store: Store, node: NodeAssignments, known?: Tables): Promise<AssignmentChange[]> {
    const { endpoints, peers, attached } = known ?? (await tables(store));
    return store.view((read) => {
      peers.refresh(read);
      return node.take(read, { endpoints, peers, attached, withdrawals: new Withdrawals() });
    });
  }

  type Tables = Pick<Routing, 'endpoints' | 'peers' | 'attached'>;

  async function tables(store: Store): Promise<Tables> {
    return { endpoints: await EndpointTable.of(store), peers: new PeerTable(), attached: new AttachedTable() };
  }

  async function assigned(store: Store, nodeId: string): Promise<string[]> {
    const changes = await told(store, new NodeAssignments({ nodeId, takesEndpointChanges: true }));
    expect(changes.filter((change) => change.removed)).toEqual([]);
    const items = changes.map(({ item }) => `${item?.$case} ${item === undefined ? '' : idOf(item)}`);
    return items.filter((item) => !item.includes(INGRESS_NETWORK));
  }

  function idOf({ $case, value }: NonNullable<AssignmentChange['item']>): string | undefined {
    if ($case === 'network') return value.network?.id;
    if ($case === 'peer') return `${value.networkId} ${value.nodeId}`;
    if ($case === 'attached' || $case === 'attachedKnown') return value.networkId;
    return $case === 'endpoints' || $case === 'endpointChanges' ? value.serviceId : value.id;
  }

  it('give a node its own tasks and what they need, needs first; another node nothing', async () => {
    const store = await open([{ nodeId: 'n1', cidr: '10.0.0.0/26' }], [user('t', { state: ASSIGNED })]);
    expect(await assigned(store, 'n1')).toEqual(['secret key', 'network net', 'endpoints web', 'task t']);
    expect(await assigned(store, 'n2')).toEqual([]);
  });

  it('tell every node where the others are, for what comes to published ports', async () => {
    const store = await open([], []);
    const changes = await told(store, new NodeAssignments({ nodeId: 'n1', takesEndpointChanges: true }));
    expect(changes.map(({ item }) => item)).toMatchObject([
      { $case: 'network', value: { network: { id: INGRESS_NETWORK }, nodeAddress: '192.0.2.1' } },
      { $case: 'peer', value: { networkId: INGRESS_NETWORK, nodeId: 'n2', nodeAddress: '192.0.2.1' } },
    ]);
  });

  it('hold a task back until its node has addresses for it, unless it is to stop', async () => {
    const held = user('held', { state: ASSIGNED });
    const stopped = user('stopped', { state: ASSIGNED, desiredState: SHUTDOWN, slot: 2 });
    const store = await open([], [held, stopped]);
    expect((await assigned(store, 'n1')).filter((item) => item.startsWith('task'))).toEqual(['task stopped']);
  });

  it('hold each task back until its node has an address for it, or will have no more', async () => {
    const tasks = ['a', 'b'].map((id) => user(id, { state: ASSIGNED }));
    const store = await open([{ nodeId: 'n1', cidr: '10.0.0.8/32' }], tasks);
    const become = (driver: string, ipRange: string, ...cidrs: readonly string[]) =>
      store.update((tx) => {
        const network = tx.get('network', 'net');
        if (network === undefined) return;
        const spec = { ...network.spec, driver, ipRange };
        const blocks = cidrs.map((cidr) => ({ nodeId: 'n1', cidr }));
        tx.update('network', { ...network, spec, blocks });
      });
    const toldTasks = async () => (await assigned(store, 'n1')).filter((item) => item.startsWith('task'));
    await become('macvlan', '10.0.0.8/29', '10.0.0.8/32');
    expect(await toldTasks()).toEqual(['task a']);
    await become('macvlan', '10.0.0.8/29', '10.0.0.8/32', '10.0.0.9/32');
    expect(await toldTasks()).toEqual(['task a', 'task b']);
    await become('macvlan', '10.0.0.8/32', '10.0.0.8/32');
    expect(await toldTasks()).toEqual(['task a', 'task b']);
    await become('overlay', '', '10.0.0.8/32');
    expect(await toldTasks()).toEqual(['task a']);
    await become('overlay', '', '10.0.0.8/32', '10.0.0.12/30');
    expect(await toldTasks()).toEqual(['task a', 'task b']);
    await become('overlay', '10.0.0.8/32', '10.0.0.8/32');
    expect(await toldTasks()).toEqual(['task a', 'task b']);
  });

  it('tell of a task that has waited as soon as there is an address', async () => {
    const store = await open(
      [{ nodeId: 'n1', cidr: '10.0.0.8/32' }],
      [user('a', { state: ASSIGNED }), user('b', { state: ASSIGNED })],
    );
    const known = new NodeAssignments({ nodeId: 'n1', takesEndpointChanges: true });
    const both = await tables(store);
    const toldTasks = async () =>
      (await told(store, known, both)).flatMap(({ item }) => (item?.$case === 'task' ? [item.value.id] : []));
    expect(await toldTasks()).toEqual(['a']);
    known.touch('task', 'b');
    expect(await toldTasks()).toEqual([]);
    await store.update((tx) => {
      const network = tx.get('network', 'net');
      if (network === undefined) return;
      tx.update('network', { ...network, blocks: [...network.blocks, { nodeId: 'n1', cidr: '10.0.0.12/30' }] });
    });
    known.touch('task', 'b');
    expect(await toldTasks()).toEqual(['b']);
  });

  it('keep an ended task, but not what it needed', async () => {
    const store = await open([{ nodeId: 'n1', cidr: '10.0.0.0/26' }], [user('t', { state: FAILED })]);
    expect(await assigned(store, 'n1')).toEqual(['task t']);
  });

  it("don't echo what the node itself reported", async () => {
    const store = await open([{ nodeId: 'n1', cidr: '10.0.0.0/26' }], [user('t', { state: ASSIGNED })]);
    const known = new NodeAssignments({ nodeId: 'n1', takesEndpointChanges: true });
    const both = await tables(store);
    await told(store, known, both);
    await store.update((tx) => {
      const one = tx.get('task', 't');
      if (one !== undefined) tx.update('task', { ...one, status: { ...one.status, state: PREPARING } });
    });
    known.touchAll();
    expect(await told(store, known, both)).toEqual([]);
    await store.update((tx) => {
      const one = tx.get('task', 't');
      if (one !== undefined) tx.update('task', { ...one, desiredState: SHUTDOWN });
      const network = tx.get('network', 'net');
      const more = [
        { nodeId: 'n1', cidr: '10.0.0.64/26' },
        { nodeId: 'n2', cidr: '10.0.0.128/26' },
      ];
      if (network !== undefined) tx.update('network', { ...network, blocks: [...network.blocks, ...more] });
    });
    known.touchAll();
    const changes = await told(store, known, both);
    expect(changes.map((change) => [change.removed, change.item?.$case])).toEqual([
      [false, 'network'],
      [false, 'peer'],
      [false, 'task'],
    ]);
  });

  it('take away the task before what it used', async () => {
    const store = await open([{ nodeId: 'n1', cidr: '10.0.0.0/26' }], [user('t', { state: ASSIGNED })]);
    const known = new NodeAssignments({ nodeId: 'n1', takesEndpointChanges: true });
    await told(store, known);
    await store.update((tx) => tx.remove('task', 't'));
    known.touch('task', 't');
    const changes = await told(store, known);
    expect(changes.map((change) => change.item?.$case)).toEqual(['task', 'endpoints', 'network', 'secret']);
    expect(changes.every((change) => change.removed)).toBe(true);
  });
});

describe('Liveness', () => {
  it('tells of a node once, after three heartbeats have been missed', () => {
    const liveness = new Liveness(100);
    liveness.heard('a', 0);
    liveness.heard('b', 100);
    expect(liveness.nextDeadlineMs()).toBe(300);
    expect(liveness.takeSilent(299)).toEqual([]);
    expect(liveness.takeSilent(300)).toEqual(['a']);
    expect(liveness.takeSilent(399)).toEqual([]);
    expect(liveness.takeSilent(400)).toEqual(['b']);
    expect(liveness.nextDeadlineMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('waits longer for one that is slow, but not for ever, and forgets that it was', () => {
    const liveness = new Liveness(100);
    liveness.begins('slow', 0);
    liveness.heard('slow', 250);
    expect(liveness.nextDeadlineMs()).toBe(250 + 2 * 250);
    liveness.heard('slow', 700);
    expect(liveness.nextDeadlineMs()).toBe(700 + 900);
    expect(liveness.takeSilent(1599)).toEqual([]);
    liveness.heard('slow', 800);
    expect(liveness.nextDeadlineMs()).toBe(800 + 900);
    for (let nowMs = 900; nowMs <= 6800; nowMs += 100) liveness.heard('slow', nowMs);
    expect(liveness.nextDeadlineMs()).toBe(6800 + 300);
  });

  it('does not take the time between two sessions of a node for slowness', () => {
    const liveness = new Liveness(100);
    liveness.begins('a', 0);
    liveness.heard('a', 100);
    liveness.begins('a', 350);
    expect(liveness.nextDeadlineMs()).toBe(650);
  });

  it("doesn't take the manager's own pause for silence", () => {
    const liveness = new Liveness(100);
    liveness.heard('a', 0);
    liveness.missed(1000);
    expect(liveness.takeSilent(1299)).toEqual([]);
    expect(liveness.takeSilent(1300)).toEqual(['a']);
  });
});
