/**
 * The scheduler alone: 100,000 pending tasks of 1,000 services onto 5,000 nodes, with the log in memory, so that no disk
 * and no other loop counts. Prints tasks per second, and how long the longest turn held up everything else.
 */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import pino from 'pino';
import { systemClock } from '../../../manager/clock.ts';
import { runControlLoop } from '../../../manager/control-loop.ts';
import { NodeImages } from '../../../manager/images/node-images.ts';
import { NO_METRICS } from '../../../manager/metrics/manager-metrics.ts';
import { schedulerLoop } from '../../../manager/scheduler/scheduler.ts';
import { MemoryLog } from '../../../manager/store/memory-log.testing.ts';
import { nodeType } from '../../../manager/store/node.ts';
import { NEVER_UPDATED, NOT_STOPPED, serviceType } from '../../../manager/store/service.ts';
import { StoreState } from '../../../manager/store/state.ts';
import { Store } from '../../../manager/store/store.ts';
import { NO_TASK_STATUS, type TaskObject, taskType } from '../../../manager/store/task.ts';
import type { NewObject } from '../../../manager/store/transaction.ts';
import { volumePinId } from '../../../manager/store/volume-pin.ts';
import { Turns } from '../../../manager/turns.ts';
import {
  MountType,
  Node,
  NodeState,
  type Placement,
  ServiceSpec,
  TaskState,
} from '../../../proto/generated/gantry/v1/types.ts';
import { measured, pausesText } from '../store/pause-meter.ts';

const NODES = 5000;
const SERVICES = 1000;
const TASKS_PER_SERVICE = 100;
const TASKS = SERVICES * TASKS_PER_SERVICE;
const ZONES = 10;

interface Case {
  readonly name: string;
  readonly placement: Partial<Placement>;
  /** Each service mounts a local volume: none of its tasks has started with it yet, or each has. */
  readonly volumes?: 'new' | 'pinned';
}

const CASES: readonly Case[] = [
  { name: 'anywhere', placement: {} },
  {
    name: 'by a constraint that half of the nodes meet, three per node',
    placement: { constraints: ['node.labels.half==0'], maxReplicasPerNode: 3 },
  },
  { name: 'spread over ten zones', placement: { spread: ['node.labels.zone'] } },
  { name: 'with a new local volume each', placement: {}, volumes: 'new' },
  { name: 'back to where their local volumes are', placement: {}, volumes: 'pinned' },
];

const logger = pino({ level: 'silent' });
const print = (line: string) => process.stdout.write(`${line}\n`);

/** Takes a turn of the event loop for an entry, as a disk at least does. */
class TurningLog extends MemoryLog {
  override async propose(data: Uint8Array): Promise<number> {
    await nextTurn();
    return super.propose(data);
  }
}

function nodeObject(number: number) {
  return nodeType.complete(
    Node.fromPartial({
      id: `n${number}`,
      spec: { annotations: { labels: { zone: `z${number % ZONES}`, half: `${number % 2}` } } },
      description: { hostname: `host${number}`, resources: { nanoCpus: 64e9, memoryBytes: 2 ** 38 } },
      status: { state: NodeState.READY, address: '192.0.2.1' },
    }),
  );
}

function serviceObject(number: number, { placement, volumes }: Case) {
  const mount = { type: MountType.VOLUME, source: `data${number}`, target: '/data' };
  const spec = ServiceSpec.fromPartial({
    annotations: { name: `service${number}` },
    task: {
      container: { image: 'hello:latest', mounts: volumes === undefined ? [] : [mount] },
      resources: { reservations: { nanoCpus: 1e8, memoryBytes: 2 ** 26 } },
    },
    mode: { $case: 'replicated', value: { replicas: TASKS_PER_SERVICE } },
    placement,
  });
  return serviceType.complete({
    id: `s${number}`,
    meta: undefined,
    spec,
    ports: [],
    virtualIps: [],
    specVersion: 1,
    dependenciesMet: true,
    notAwaited: [],
    pendingDelete: false,
    ...NOT_STOPPED,
    ...NEVER_UPDATED,
  });
}

async function filledStore(asked: Case): Promise<Store> {
  const state = new StoreState(logger);
  const store = new Store(state, new TurningLog('n0', state), systemClock);
  await store.update((tx) => {
    for (let number = 0; number < NODES; number += 1) tx.create('node', nodeObject(number));
  });
  for (let number = 0; number < SERVICES; number += 1) {
    await store.update((tx) => {
      const service = tx.create('service', serviceObject(number, asked));
      for (let slot = 1; slot <= TASKS_PER_SERVICE; slot += 1) {
        const task = taskType.complete({
          id: `s${number}.${slot}`,
          meta: undefined,
          serviceId: service.id,
          serviceName: service.spec.annotations.name,
          slot,
          nodeId: '',
          spec: service.spec.task,
          specVersion: 1,
          desiredState: TaskState.RUNNING,
          status: { ...NO_TASK_STATUS, state: TaskState.PENDING },
          ports: [],
          serviceLabels: {},
          startAfterMs: 0,
          genericResources: [],
        });
        tx.create('task', task);
        if (asked.volumes === 'pinned') tx.create('volumePin', pinOf(task, `data${number}`));
      }
    });
  }
  return store;
}

function pinOf({ serviceName, slot, id }: TaskObject, source: string): NewObject<'volumePin'> {
  const nodeId = `n${createHash('sha256').update(id).digest().readUInt32BE() % NODES}`;
  return { id: volumePinId(source, { serviceName, slot }), source, volume: source, serviceName, slot, nodeId };
}

/** Every fourth node has the services' image. */
function reportedImages(): NodeImages {
  const images = new NodeImages();
  const platform = { os: 'linux', architecture: 'amd64' };
  const put = [{ id: 'hello', names: ['docker.io/library/hello:latest'], platform, otherPlatforms: [] }];
  for (let number = 0; number < NODES; number += 4) {
    images.report(`n${number}`, { complete: true, put, removed: [], partial: false });
  }
  return images;
}

function countPlaced(store: Store): number {
  const tasks = store.view((read) => read.find('task', { by: 'all' }));
  return tasks.filter((task) => task.status.state === TaskState.ASSIGNED).length;
}

async function bench(asked: Case): Promise<void> {
  const store = await filledStore(asked);
  const over = new AbortController();
  let placed = 0;
  const watch = store.watch({ kinds: ['task'] });
  const run = await measured(async () => {
    const images = reportedImages();
    const context = { store, clock: systemClock, turns: new Turns(), logger, metrics: NO_METRICS };
    const running = runControlLoop(schedulerLoop(NO_METRICS, images), context, over.signal);
    while (placed < TASKS) {
      const events = watch.take();
      if (events === 'lagged') throw new Error('the watch lagged');
      for (const event of events) {
        if (event.kind === 'task' && event.object.status.state === TaskState.ASSIGNED) placed += 1;
      }
      await nextTurn();
    }
    over.abort();
    await running;
  });
  watch.close();
  const perSecond = Math.round((TASKS / run.ms) * 1000);
  print(
    `${asked.name}: ${TASKS} tasks on ${NODES} nodes in ${(run.ms / 1000).toFixed(2)} s, ${perSecond} tasks/s; ${pausesText(run.pauses)}`,
  );
  if (countPlaced(store) !== TASKS) throw new Error('not all tasks have a node');
}

for (const asked of CASES) await bench(asked);
