import pino from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { Cluster, Mount, MountType, TaskState, type TaskStatus } from '../../proto/generated/gantry/v1/types.ts';
import { writeStatuses } from '../dispatcher/statuses.ts';
import { node, service, task } from '../objects.testing.ts';
import { clusterType } from '../store/cluster.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import { StoreState } from '../store/state.ts';
import { FORMAT_OF_VOLUME_PINS } from '../store/state-format.ts';
import { Store } from '../store/store.ts';
import { NO_TASK_STATUS } from '../store/task.ts';
import { forgetPathPins, unpinVolumes } from './pins.ts';

const { ASSIGNED, READY, STARTING, RUNNING, COMPLETE, SHUTDOWN, FAILED, REJECTED } = TaskState;
const logger = pino({ level: 'silent' });

let state: StoreState;
let store: Store;

async function open(stateFormat: number): Promise<void> {
  state = new StoreState(logger);
  store = new Store(state, new MemoryLog('m', state), { now: () => 1, sleep: () => Promise.resolve() });
  await store.update((tx) => {
    tx.create('cluster', clusterType.complete(Cluster.fromPartial({ id: 'c', stateFormat })));
    tx.create('node', node('n1'));
  });
}

beforeEach(() => open(FORMAT_OF_VOLUME_PINS));

async function assign(id: string, source = 'data', slot = 1): Promise<void> {
  const { spec } = service('db', { volumes: [source] });
  const fields = { serviceId: 'db', serviceName: 'db', slot, nodeId: 'n1', spec: spec.task };
  await store.update((tx) => void tx.create('task', task(id, { ...fields, state: ASSIGNED })));
}

async function report(id: string, status: Partial<TaskStatus>, mounted: readonly string[] = []): Promise<void> {
  const full = { ...NO_TASK_STATUS, ...status };
  const reporter = { nodeId: 'n1', mountedVolumes: new Set(mounted) };
  await writeStatuses(store, reporter, [{ taskId: id, status: full }], 1, logger);
}

const pins = () =>
  store
    .view((read) => read.find('volumePin', { by: 'all' }))
    .map(({ serviceName, slot, volume, nodeId }) => `${serviceName}.${slot} ${volume} ${nodeId}`);

describe('a pin', () => {
  it.each<[string, Partial<TaskStatus>, boolean]>([
    ['is ready', { state: READY, containerId: 'c' }, false],
    ['starts', { state: STARTING, containerId: 'c' }, true],
    ['runs', { state: RUNNING, containerId: 'c' }, true],
    ['has already completed', { state: COMPLETE, containerId: 'c' }, true],
    ['has already failed', { state: FAILED, containerId: 'c' }, true],
    ['was rejected', { state: REJECTED, containerId: 'c' }, false],
    ['was stopped before it had a container', { state: SHUTDOWN }, false],
  ])('when the first task %s: %j %s', async (_name, status, isMade) => {
    await assign('t1');
    await report('t1', status);
    expect(pins()).toEqual(isMade ? ['db.1 data n1'] : []);
  });

  it('is made once, in the transaction that says that the task starts', async () => {
    await assign('t1');
    await report('t1', { state: STARTING });
    const since = store.view((read) => read.find('volumePin', { by: 'all' }))[0]?.meta.version;
    expect(store.view((read) => read.get('task', 't1'))?.meta.version).toBe(since);
    await report('t1', { state: RUNNING });
    await report('t1', { state: FAILED, containerId: 'c' });
    await assign('t2');
    await report('t2', { state: RUNNING });
    expect(store.view((read) => read.find('volumePin', { by: 'all' })).map(({ meta }) => meta.version)).toEqual([
      since,
    ]);
  });

  it('is made for a task that ran before managers knew of pins, when its node says so again', async () => {
    await open(FORMAT_OF_VOLUME_PINS - 1);
    await assign('t1');
    await report('t1', { state: RUNNING });
    expect(pins()).toEqual([]);
    await store.update((tx) => {
      for (const cluster of tx.find('cluster', { by: 'all' })) {
        tx.update('cluster', { ...cluster, stateFormat: FORMAT_OF_VOLUME_PINS });
      }
    });
    await report('t1', { state: RUNNING });
    expect(pins()).toEqual(['db.1 data n1']);
  });

  it('has the name that a template came to, and is not made where that is new with each task', async () => {
    await assign('t1', 'data-{{.Task.Slot}}-{{.Node.Hostname}}', 7);
    await report('t1', { state: RUNNING });
    await assign('t2', 'scratch-{{.Task.ID}}');
    await report('t2', { state: RUNNING });
    expect(pins()).toEqual(['db.7 data-7-n1 n1']);
  });

  it('is not made to what the node mounts from elsewhere', async () => {
    await assign('t1');
    await report('t1', { state: RUNNING }, ['data']);
    expect(pins()).toEqual([]);
  });

  it('is made to a host path, unless hosts share that, and goes with the service', async () => {
    const { spec } = service('db');
    const container = (source: string) => ({
      ...spec.task.container,
      mounts: [Mount.create({ type: MountType.BIND, source, target: '/data' })],
    });
    const fields = { serviceId: 'db', serviceName: 'db', nodeId: 'n1', state: ASSIGNED };
    for (const [slot, source] of ['/srv/own', '/mnt/nas'].entries()) {
      const of = { ...fields, slot: slot + 1, spec: { ...spec.task, container: container(source) } };
      await store.update((tx) => void tx.create('task', task(`t${slot}`, of)));
      await report(`t${slot}`, { state: RUNNING, sharedPaths: source === '/mnt/nas' ? [source] : [] });
    }
    expect(pins()).toEqual(['db.1 /srv/own n1']);
    expect(store.view((read) => read.get('task', 't1'))?.status.sharedPaths).toEqual([]);
    await unpinVolumes(store, 'n1', { names: [], mounted: [] });
    expect(pins()).toHaveLength(1);
    await store.update((tx) => forgetPathPins(tx, 'db'));
    expect(pins()).toEqual([]);
  });

  it('is in snapshots', async () => {
    await assign('t1');
    await report('t1', { state: RUNNING });
    const copy = new StoreState(logger);
    await copy.restore(9, await state.snapshot());
    expect(copy.committed.find('volumePin', { by: 'node', value: 'n1' })).toMatchObject([{ volume: 'data', slot: 1 }]);
  });
});

describe('what a node says of its volumes', () => {
  const says = (names: string[], mounted: string[] = []) => unpinVolumes(store, 'n1', { names, mounted });

  it('removes a pin to one that it does not have any more', async () => {
    await assign('t1');
    await report('t1', { state: FAILED, containerId: 'c' });
    await says(['data', 'other']);
    expect(pins()).toHaveLength(1);
    await unpinVolumes(store, 'n2', { names: [], mounted: [] });
    expect(pins()).toHaveLength(1);
    await says(['other']);
    expect(pins()).toEqual([]);
  });

  it('is not the last word while a task lives there that makes it', async () => {
    await assign('t1');
    await report('t1', { state: FAILED, containerId: 'c' });
    await assign('t2');
    await says([]);
    expect(pins()).toHaveLength(1);
    await report('t2', { state: REJECTED });
    await says([]);
    expect(pins()).toEqual([]);
  });

  it('removes a pin to one that it mounts from elsewhere', async () => {
    await assign('t1');
    await report('t1', { state: RUNNING });
    await says([], ['data']);
    expect(pins()).toEqual([]);
  });
});
