/** Agents are told only what changes concern them; after whatever has happened they know what they would know if told all. */
import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import pino from 'pino';
import { expect, it, vi } from 'vitest';
import { type AssignmentChange, SessionRequest } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { PublishMode, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { systemClock } from '../clock.ts';
import { node, service, task } from '../objects.testing.ts';
import { configType } from '../store/config.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import { networkType } from '../store/network.ts';
import { StoreState } from '../store/state.ts';
import { Store } from '../store/store.ts';
import type { WriteTransaction } from '../store/transaction.ts';
import { type AssignmentSet, assignmentsFor } from './assignments.ts';
import { Dispatcher } from './dispatcher.ts';
import { EndpointTable } from './endpoints.ts';

const NODES = ['n1', 'n2'] as const;
const { ASSIGNED, STARTING, RUNNING, FAILED, SHUTDOWN } = TaskState;
const logger = pino({ level: 'silent' });

const nodeId = fc.constantFrom(...NODES);
const taskId = fc.constantFrom('t1', 't2', 't3');
const networkId = fc.constantFrom('front', 'back');
const serviceId = fc.constantFrom('web', 'db');

type Change = (tx: WriteTransaction) => void;

const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(taskId, nodeId, serviceId, networkId).map(([id, on, of, network]): Change => {
    return (tx) => {
      if (tx.get('task', id) !== undefined) return;
      const made = task(id, { state: ASSIGNED, nodeId: on, serviceId: of });
      const configs = [{ name: 'motd', id: 'motd', target: '/motd', uid: 0, gid: 0, mode: 0 }];
      const container = { ...made.spec.container, configs };
      tx.create('task', { ...made, spec: { ...made.spec, container, networks: [{ target: network, aliases: [] }] } });
    };
  }),
  fc.tuple(taskId, fc.constantFrom(STARTING, RUNNING, FAILED)).map(([id, state]): Change => {
    return (tx) => {
      const found = tx.get('task', id);
      if (found === undefined || found.status.state >= state) return;
      const addresses = found.spec.networks.map(({ target }) => ({ networkId: target, address: '192.0.2.7' }));
      tx.update('task', { ...found, status: { ...found.status, state, addresses } });
    };
  }),
  taskId.map(
    (id): Change =>
      (tx) => {
        const found = tx.get('task', id);
        if (found !== undefined) tx.update('task', { ...found, desiredState: SHUTDOWN });
      },
  ),
  taskId.map(
    (id): Change =>
      (tx) =>
        tx.remove('task', id),
  ),
  fc.tuple(networkId, nodeId).map(([id, on]): Change => {
    return (tx) => {
      const found = tx.get('network', id);
      if (found === undefined) return;
      const others = found.blocks.filter((block) => block.nodeId !== on);
      const more = others.length === found.blocks.length ? [{ nodeId: on, cidr: '10.0.0.0/26' }] : [];
      tx.update('network', { ...found, blocks: [...others, ...more] });
    };
  }),
  networkId.map(
    (id): Change =>
      (tx) =>
        tx.remove('network', id),
  ),
  fc.tuple(serviceId, fc.boolean()).map(([id, isPublished]): Change => {
    return (tx) => {
      const found = tx.get('service', id);
      if (found === undefined) return;
      const port = { protocol: 0, targetPort: 80, publishedPort: 8080, hostIp: '', mode: PublishMode.INGRESS } as const;
      tx.update('service', { ...found, ports: isPublished ? [port] : [] });
    };
  }),
  serviceId.map(
    (id): Change =>
      (tx) => {
        const found = tx.get('service', id);
        if (found !== undefined) tx.update('service', { ...found, pendingDelete: true });
      },
  ),
  fc.constant<Change>((tx) => {
    const found = tx.get('config', 'motd');
    if (found !== undefined) tx.update('config', { ...found, pendingDelete: !found.pendingDelete });
  }),
);

async function open(): Promise<{ store: Store; dispatcher: Dispatcher }> {
  const state = new StoreState(logger);
  const store = new Store(state, new MemoryLog('n1', state), systemClock);
  await store.update((tx) => {
    for (const id of NODES) tx.create('node', node(id));
    for (const id of ['front', 'back']) {
      const absent = { meta: undefined, spec: undefined, blocks: [], pendingDelete: false };
      const made = networkType.complete({ id, subnet: '', gateway: '', ...absent });
      tx.create('network', { ...made, spec: { ...made.spec, annotations: { name: id, labels: {} } } });
    }
    tx.create('config', configType.complete({ id: 'motd', meta: undefined, spec: undefined, pendingDelete: false }));
    tx.create('service', service('web', { networks: ['front'] }));
    tx.create('service', service('db', { networks: ['back'] }));
  });
  const common = { store, clock: systemClock, random: randomBytes, logger };
  return { store, dispatcher: new Dispatcher({ ...common, heartbeatPeriodMs: 60_000, managers: () => [] }) };
}

/** What an agent knows that believes all it is told. */
async function follow(dispatcher: Dispatcher, on: string, known: Map<string, unknown>, signal: AbortSignal) {
  const caller = { kind: 'administrator', forwarded: false } as const;
  for await (const { message } of dispatcher.session(helloFrom(on, signal), signal, caller)) {
    for (const change of message?.$case === 'assignments' ? message.value.changes : []) learn(known, change);
  }
}

async function* helloFrom(on: string, signal: AbortSignal): AsyncGenerator<SessionRequest> {
  const hello = { $case: 'hello', value: { nodeId: on, address: '192.0.2.1' } } as const;
  yield SessionRequest.fromPartial({ message: hello });
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve, { once: true });
  });
}

function learn(known: Map<string, unknown>, { removed, item }: AssignmentChange): void {
  const [key, value] = describeItem(item);
  if (removed) known.delete(key);
  else known.set(key, value);
}

/** As far as an agent has to know it. */
function describeItem(item: AssignmentChange['item']): [key: string, value: unknown] {
  switch (item?.$case) {
    case 'task':
      return [`task ${item.value.id}`, item.value.desiredState];
    case 'network':
      return [`network ${item.value.network?.id}`, item.value.blocks];
    case 'endpoints':
      return [`endpoints ${item.value.serviceId}`, item.value];
    default:
      return [`${item?.$case} ${item?.value.id}`, item?.value];
  }
}

function described(items: AssignmentSet): Map<string, unknown> {
  return new Map([...items.values()].map(describeItem));
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
      const known = NODES.map(() => new Map<string, unknown>());
      const running = [
        dispatcher.run(over.signal),
        ...NODES.map((on, position) => follow(dispatcher, on, known[position] ?? new Map(), over.signal)),
      ];
      try {
        await untilTold();
        for (const transaction of transactions) {
          await store.update((tx) => transaction.forEach((change) => void change(tx)));
          await untilTold();
        }
        const table = await EndpointTable.of(store);
        const expected = NODES.map((on) => described(store.view((read) => assignmentsFor(read, on, table.all()))));
        await vi.waitFor(() => expect(known).toEqual(expected), { interval: 2 });
      } finally {
        over.abort();
        await Promise.all(running);
      }
    }),
    { numRuns: 200 },
  );
}, 60_000);
