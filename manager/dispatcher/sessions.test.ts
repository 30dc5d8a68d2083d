/**
 * Agents are told only what changes concern them; after whatever has happened they know what they would know if told all. And
 * no task is told to stop while an agent may still send to it.
 */
import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import pino from 'pino';
import { expect, it, vi } from 'vitest';
import {
  type AssignmentChange,
  type Assignments,
  type EndpointChanges,
  SessionHello,
  SessionRequest,
} from '../../proto/generated/gantry/v1/dispatcher.ts';
import { PublishMode, type ServiceEndpoints, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { INGRESS_NETWORK } from '../../proto/ingress-network.ts';
import { systemClock } from '../clock.ts';
import { NodeImages } from '../images/node-images.ts';
import { node, service, task } from '../objects.testing.ts';
import { configType } from '../store/config.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import { networkType } from '../store/network.ts';
import type { NodeObject } from '../store/node.ts';
import { StoreState } from '../store/state.ts';
import { Store } from '../store/store.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { TaskObject } from '../store/task.ts';
import type { NewObject, WriteTransaction } from '../store/transaction.ts';
import { Turns } from '../turns.ts';
import { type AssignmentItem, hasBlock, ingressItem, networkItem } from './assignments.ts';
import { Dispatcher } from './dispatcher.ts';
import { EndpointTable } from './endpoints.ts';

const NODES = ['n1', 'n2'] as const;
const { ASSIGNED, STARTING, RUNNING, FAILED, SHUTDOWN } = TaskState;
const logger = pino({ level: 'silent' });

const nodeId = fc.constantFrom(...NODES);
const taskId = fc.constantFrom('t1', 't2', 't3');
const networkId = fc.constantFrom('front', 'back');
const serviceId = fc.constantFrom('web', 'db');

type Change =
  | {
      readonly change: 'assign';
      readonly id: string;
      readonly on: string;
      readonly of: string;
      readonly network: string;
    }
  | { readonly change: 'report'; readonly id: string; readonly state: TaskState }
  | { readonly change: 'stop' | 'forget'; readonly id: string }
  | { readonly change: 'block'; readonly id: string; readonly on: string }
  | {
      readonly change: 'remove network' | 'remove service' | 'change config' | 'move' | 'get address';
      readonly id: string;
    }
  | { readonly change: 'publish'; readonly id: string; readonly isPublished: boolean }
  /** The agent applies what it is told only later; or all of it, now. */
  | { readonly change: 'fall behind' | 'catch up' | 'reconnect'; readonly id: string };

const changes: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ change: fc.constant('assign'), id: taskId, on: nodeId, of: serviceId, network: networkId }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      change: fc.constant('report'),
      id: taskId,
      state: fc.constantFrom(STARTING, RUNNING, FAILED),
    }),
  },
  { weight: 2, arbitrary: fc.record({ change: fc.constantFrom('stop', 'forget'), id: taskId }) },
  { weight: 2, arbitrary: fc.record({ change: fc.constant('block'), id: networkId, on: nodeId }) },
  { weight: 1, arbitrary: fc.record({ change: fc.constant('publish'), id: serviceId, isPublished: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ change: fc.constant('remove network'), id: networkId }) },
  { weight: 1, arbitrary: fc.record({ change: fc.constant('remove service'), id: serviceId }) },
  { weight: 2, arbitrary: fc.record({ change: fc.constantFrom('fall behind', 'catch up', 'reconnect'), id: nodeId }) },
  { weight: 1, arbitrary: fc.record({ change: fc.constantFrom('move', 'get address'), id: nodeId }) },
  { weight: 1, arbitrary: fc.record({ change: fc.constant('change config'), id: fc.constant('motd') }) },
);

function perform(tx: WriteTransaction, step: Change): void {
  const { id } = step;
  const [found, network, owner, config] = [
    tx.get('task', id),
    tx.get('network', id),
    tx.get('service', id),
    tx.get('config', id),
  ];
  if (step.change === 'assign' && found === undefined) tx.create('task', assignedTask(step));
  if (step.change === 'report' && found !== undefined && found.status.state < step.state) {
    const addresses = found.spec.networks.map(({ target }) => ({ networkId: target, address: '192.0.2.7' }));
    tx.update('task', { ...found, status: { ...found.status, state: step.state, addresses } });
  }
  if (step.change === 'stop' && found !== undefined) tx.update('task', { ...found, desiredState: SHUTDOWN });
  if (step.change === 'forget') tx.remove('task', id);
  if (step.change === 'block' && network !== undefined) {
    const others = network.blocks.filter((block) => block.nodeId !== step.on);
    const more = others.length === network.blocks.length ? [{ nodeId: step.on, cidr: '10.0.0.0/26' }] : [];
    tx.update('network', { ...network, blocks: [...others, ...more] });
  }
  const moving = step.change === 'move' ? tx.get('node', id) : undefined;
  if (moving !== undefined) {
    tx.update('node', { ...moving, status: { ...moving.status, address: `${moving.status.address}1` } });
  }
  const asking = step.change === 'get address' ? tx.get('node', id) : undefined;
  if (asking !== undefined) {
    const { ipv6Addresses } = asking.description;
    const more = [...ipv6Addresses, `2001:db8::${ipv6Addresses.length}`];
    tx.update('node', { ...asking, description: { ...asking.description, ipv6Addresses: more } });
  }
  if (step.change === 'remove network') tx.remove('network', id);
  if (step.change === 'publish' && owner !== undefined) {
    const port = { protocol: 0, targetPort: 80, publishedPort: 8080, hostIp: '', mode: PublishMode.INGRESS } as const;
    tx.update('service', { ...owner, ports: step.isPublished ? [port] : [] });
  }
  if (step.change === 'remove service' && owner !== undefined) tx.update('service', { ...owner, pendingDelete: true });
  if (config !== undefined) tx.update('config', { ...config, pendingDelete: !config.pendingDelete });
}

function assignedTask({ id, on, of, network }: Change & { readonly change: 'assign' }): NewObject<'task'> {
  const made = task(id, { state: ASSIGNED, nodeId: on, serviceId: of });
  const configs = [{ name: 'motd', id: 'motd', target: '/motd', uid: 0, gid: 0, mode: 0 }];
  const container = { ...made.spec.container, configs };
  return { ...made, spec: { ...made.spec, container, networks: [{ target: network, aliases: [] }] } };
}

async function open(): Promise<{ store: Store; dispatcher: Dispatcher }> {
  const state = new StoreState(logger);
  const store = new Store(state, new MemoryLog('n1', state), systemClock);
  await store.update((tx) => {
    for (const id of NODES) tx.create('node', node(id));
    for (const id of ['front', 'back']) {
      const blocks = NODES.map((on) => ({ nodeId: on, cidr: '10.0.0.0/26' }));
      const absent = { meta: undefined, spec: undefined, blocks, pendingDelete: false, vni: 7 };
      const made = networkType.complete({
        id,
        subnet: '10.0.0.0/16',
        gateway: '10.0.0.1',
        ipv6Subnet: '',
        ipv6Gateway: '',
        ...absent,
      });
      tx.create('network', { ...made, spec: { ...made.spec, annotations: { name: id, labels: {} } } });
    }
    tx.create('config', configType.complete({ id: 'motd', meta: undefined, spec: undefined, pendingDelete: false }));
    tx.create('service', service('web', { networks: ['front'] }));
    tx.create('service', service('db', { networks: ['back'] }));
  });
  const common = { store, clock: systemClock, random: randomBytes, images: new NodeImages(), logger };
  return {
    store,
    dispatcher: new Dispatcher({ ...common, heartbeatPeriodMs: 60_000, turns: new Turns(), managers: () => [] }),
  };
}

/** It believes all that it is told, and acts by it as soon as it isn't busy. */
class Agent {
  readonly known = new Map<string, unknown>();
  readonly nodeId: string;
  readonly #onOrder: (taskId: string, desiredState: TaskState) => void;
  #requests = new PassThrough({ objectMode: true });
  #session = new AbortController();
  /** Messages that it hasn't applied yet. */
  #waiting: Assignments[] = [];
  #busy: boolean = false;

  /** `onOrder` hears what it is told of a task. */
  constructor(nodeId: string, onOrder: (taskId: string, desiredState: TaskState) => void) {
    this.nodeId = nodeId;
    this.#onOrder = onOrder;
  }

  async run(dispatcher: Dispatcher, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#session = new AbortController();
      this.#requests = new PassThrough({ objectMode: true });
      this.#waiting = [];
      // It never ends well.
      await this.#follow(dispatcher, AbortSignal.any([signal, this.#session.signal])).catch(() => undefined);
    }
  }

  async #follow(dispatcher: Dispatcher, signal: AbortSignal): Promise<void> {
    const takesEndpointChanges = this.nodeId === 'n1';
    const hello = { nodeId: this.nodeId, address: '192.0.2.1', takesEndpointChanges };
    this.#say({ $case: 'hello', value: SessionHello.fromPartial(hello) });
    const caller = { kind: 'administrator', forwarded: false } as const;
    for await (const { message } of dispatcher.session(this.#requests, signal, caller)) {
      if (message?.$case !== 'assignments') continue;
      this.#waiting.push(message.value);
      if (!this.#busy) this.#apply();
    }
  }

  reconnect(): void {
    this.#session.abort();
  }

  fallBehind(): void {
    this.#busy = true;
  }

  catchUp(): void {
    this.#busy = false;
    this.#apply();
  }

  /** As far as it acts by what it was told. */
  sendsTo(taskId: string): boolean {
    return [...this.known.entries()].some(
      ([key, value]) =>
        key.startsWith('endpoints') &&
        (value as ServiceEndpoints).endpoints.some((endpoint) => endpoint.taskId === taskId),
    );
  }

  #apply(): void {
    for (const { changes, version, complete } of this.#waiting.splice(0)) {
      if (complete) this.known.clear();
      for (const change of changes) learn(this.known, change);
      for (const { item } of changes) if (item?.$case === 'task') this.#onOrder(item.value.id, item.value.desiredState);
      this.#say({ $case: 'applied', value: { version } });
    }
  }

  #say(message: SessionRequest['message']): void {
    this.#requests.write(SessionRequest.fromPartial({ message }));
  }
}

function withChanges(before: ServiceEndpoints, { changed, removedTaskIds }: EndpointChanges): ServiceEndpoints {
  const gone = new Set([...removedTaskIds, ...changed.map(({ taskId }) => taskId)]);
  const endpoints = [...before.endpoints.filter(({ taskId }) => !gone.has(taskId)), ...changed];
  return { ...before, endpoints: endpoints.sort((a, b) => (a.taskId < b.taskId ? -1 : 1)) };
}

function learn(known: Map<string, unknown>, { removed, item }: AssignmentChange): void {
  if (item?.$case === 'endpointChanges') {
    const key = `endpoints ${item.value.serviceId}`;
    known.set(key, withChanges(known.get(key) as ServiceEndpoints, item.value));
    return;
  }
  const [key, value] = describeItem(item);
  if (removed) known.delete(key);
  else known.set(key, value);
}

/** As far as an agent has to know it. */
function describeItem(
  item: Exclude<AssignmentChange['item'], { readonly $case: 'endpointChanges' }>,
): [key: string, value: unknown] {
  switch (item?.$case) {
    case 'task':
      return [`task ${item.value.id}`, item.value.desiredState];
    case 'network':
      return [`network ${item.value.network?.id}`, [item.value.blocks, item.value.nodeAddress]];
    case 'peer':
      return [
        `peer ${item.value.networkId} ${item.value.nodeId}`,
        [item.value.blocks, item.value.nodeAddress, item.value.ipv6Addresses],
      ];
    case 'endpoints':
      return [`endpoints ${item.value.serviceId}`, item.value];
    case 'attached':
    case 'attachedKnown':
      return [`${item.$case} ${item.value.networkId}`, item.value];
    default:
      return [`${item?.$case} ${item?.value.id}`, item?.value];
  }
}

/** What a node must know, found by looking at everything. */
function expectedOn(read: ReadTransaction, on: string, services: Iterable<ServiceEndpoints>): Map<string, unknown> {
  const waits = ({ status, desiredState, spec }: TaskObject) =>
    status.state === ASSIGNED &&
    desiredState <= RUNNING &&
    spec.networks.some(({ target }) => {
      const network = read.get('network', target);
      return network !== undefined && !hasBlock(network, on);
    });
  const tasks = read.find('task', { by: 'node', value: on }).filter((one) => !waits(one));
  const live = tasks.filter(({ status }) => status.state <= RUNNING);
  const configs = live.length > 0 ? [read.get('config', 'motd')] : [];
  const used = new Set(live.flatMap(({ spec }) => spec.networks.map(({ target }) => target)));
  const networks = [...used].flatMap((id) => read.get('network', id) ?? []);
  const nodes = read.find('node', { by: 'all' });
  const known = (id: string) => networks.some((network) => network.id === id);
  const items: AssignmentItem[] = [
    ...configs.flatMap((value) => (value === undefined ? [] : [{ $case: 'config', value } as const])),
    ...nodes.map((node) => (node.id === on ? ingressItem(node) : peerItem(INGRESS_NETWORK, node, []))),
    ...networks.flatMap((network) =>
      nodes.flatMap((node) => {
        const blocks = network.blocks.filter(({ nodeId }) => nodeId === node.id).map(({ cidr }) => cidr);
        if (node.id === on) return networkItem(network, node);
        return blocks.length === 0 ? [] : peerItem(network.id, node, blocks);
      }),
    ),
    ...[...services]
      .filter(({ networks: on, ports }) => ports.length > 0 || on.some(({ target }) => known(target)))
      .map((value) => ({ $case: 'endpoints', value }) as const),
    ...tasks.map((value) => ({ $case: 'task', value }) as const),
  ];
  return new Map(items.map(describeItem));
}

function peerItem(networkId: string, { id, status, description }: NodeObject, blocks: string[]): AssignmentItem {
  const ipv6Addresses = networkId === INGRESS_NETWORK ? description.ipv6Addresses : [];
  const address = { nodeId: id, nodeAddress: status.address, ipv6Addresses };
  return { $case: 'peer', value: { networkId, ...address, blocks, wireguardKey: '' } };
}

/** As many turns as a change needs to reach the agents; else all would be told in their first message. */
async function untilTold(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();
}

it('agents know after any changes what they have to', async () => {
  const runs = fc.array(fc.array(changes, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(runs, async (transactions) => {
      const { store, dispatcher } = await open();
      const over = new AbortController();
      const early: string[] = [];
      const agents: Agent[] = NODES.map(
        (on) =>
          new Agent(on, (id, desiredState) => {
            const running = store.view((read) => read.get('task', id))?.status.state === RUNNING;
            if (running && desiredState > RUNNING && agents.some((agent) => agent.sendsTo(id))) early.push(id);
          }),
      );
      const running = [dispatcher.run(over.signal), ...agents.map((agent) => agent.run(dispatcher, over.signal))];
      try {
        await untilTold();
        for (const transaction of transactions) {
          await store.update((tx) => transaction.forEach((change) => void perform(tx, change)));
          for (const { change, id } of transaction) {
            const agent = agents.find(({ nodeId }) => nodeId === id);
            if (change === 'fall behind') agent?.fallBehind();
            if (change === 'catch up') agent?.catchUp();
            if (change === 'reconnect') agent?.reconnect();
          }
          await untilTold();
        }
        for (const agent of agents) agent.catchUp();
        const table = await EndpointTable.of(store);
        const expected = NODES.map((on) => store.view((read) => expectedOn(read, on, table.all())));
        await vi.waitFor(() => expect(agents.map(({ known }) => known)).toEqual(expected), { interval: 2 });
        expect(early).toEqual([]);
      } finally {
        over.abort();
        // Sessions end with an error, so that agents look for another manager.
        await Promise.allSettled(running);
      }
    }),
    { numRuns: 600 },
  );
}, 60_000);
