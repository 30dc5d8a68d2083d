import { describe, expect, it } from 'vitest';
import {
  Node,
  RestartCondition,
  Service,
  Task,
  TaskState,
  UpdateState,
} from '../../proto/generated/gantry/v1/types.ts';
import { latestFailure, type Observed, serviceProgress } from './convergence.ts';
import { updateKey } from './update-stand.ts';

const { RUNNING, PREPARING, STARTING, SHUTDOWN, FAILED, REJECTED, COMPLETE, PENDING } = TaskState;

function replicated(replicas: number, more: Parameters<typeof Service.fromPartial>[0] = {}): Service {
  return Service.fromPartial({
    id: 'web',
    specVersion: 2,
    spec: { mode: { $case: 'replicated', value: { replicas } } },
    ...more,
  });
}

function global(): Service {
  return Service.fromPartial({ id: 'web', specVersion: 2, spec: { mode: { $case: 'global', value: {} } } });
}

let nextId = 0;
function task(slot: number, state: TaskState, more: Parameters<typeof Task.fromPartial>[0] = {}): Task {
  nextId += 1;
  const ended = state >= COMPLETE;
  return Task.fromPartial({
    id: `t${nextId}`,
    serviceId: 'web',
    serviceName: 'web',
    slot,
    nodeId: 'n1',
    specVersion: 2,
    desiredState: ended && state !== COMPLETE ? SHUTDOWN : RUNNING,
    ...more,
    status: { state, timestampMs: nextId, ...more.status },
  });
}

/** n1, n2 ... */
const nodes = (count: number) => Array.from({ length: count }, (_, index) => Node.fromPartial({ id: `n${index + 1}` }));

function observe(tasks: Task[], more: Partial<Observed> = {}): Observed {
  return {
    services: new Map(),
    tasks: new Map(tasks.map((one) => [one.id, one])),
    usableNodes: nodes(1),
    ignoredFailures: new Set(),
    ignoredUpdates: new Set(),
    ...more,
  };
}

describe('a replicated service', () => {
  it('that is stopped is done when nothing runs', () => {
    const stopped = replicated(2, { stopped: true });
    expect(serviceProgress(stopped, observe([task(1, SHUTDOWN), task(2, SHUTDOWN)])).kind).toBe('done');
  });

  it('is done when each slot runs the new spec', () => {
    expect(serviceProgress(replicated(2), observe([task(1, RUNNING), task(2, RUNNING)]))).toEqual({
      kind: 'done',
      running: 2,
      desired: 2,
    });
  });

  it('is done with nothing to run', () => {
    expect(serviceProgress(replicated(0), observe([]))).toEqual({ kind: 'done', running: 0, desired: 0 });
  });

  it('waits for tasks that are not made yet', () => {
    expect(serviceProgress(replicated(2), observe([task(1, RUNNING)]))).toEqual({
      kind: 'waiting',
      running: 1,
      desired: 2,
      reason: 'waiting for its tasks',
    });
  });

  it('says what the tasks wait for, those that are furthest behind first', () => {
    const tasks = [
      task(1, STARTING),
      task(2, PENDING, { status: { message: 'no node has 3 CPUs' } }),
      task(3, RUNNING),
    ];
    expect(serviceProgress(replicated(3), observe(tasks))).toMatchObject({
      kind: 'waiting',
      running: 1,
      reason: '1 pending: no node has 3 CPUs; 1 starting',
    });
  });

  it('waits until tasks of the old spec are gone', () => {
    const old = task(1, RUNNING, { specVersion: 1, desiredState: SHUTDOWN });
    expect(serviceProgress(replicated(1), observe([old, task(1, RUNNING)]))).toMatchObject({
      kind: 'waiting',
      reason: 'stopping the tasks it had before',
    });
  });

  it('ignores ended tasks of the old spec', () => {
    const old = [task(1, SHUTDOWN, { specVersion: 1 }), task(1, FAILED, { specVersion: 1 })];
    expect(serviceProgress(replicated(1), observe([...old, task(1, RUNNING)])).kind).toBe('done');
  });

  it('waits while there are more than wanted', () => {
    expect(serviceProgress(replicated(1), observe([task(1, RUNNING), task(2, RUNNING)])).kind).toBe('waiting');
  });

  it('takes a task that completed for one that runs', () => {
    expect(serviceProgress(replicated(1), observe([task(1, COMPLETE)])).kind).toBe('done');
  });

  it.each([
    [RestartCondition.NONE, 'done'],
    [RestartCondition.ON_FAILURE, 'done'],
    [RestartCondition.ANY, 'waiting'],
  ])('with restart condition %i and a task that completed and is shut down is %s', (condition, kind) => {
    const service = replicated(1, { spec: { ...replicated(1).spec, task: { restart: { condition } } } });
    const completed = task(1, COMPLETE, { desiredState: SHUTDOWN });
    expect(serviceProgress(service, observe([completed])).kind).toBe(kind);
    const surplus = task(2, COMPLETE, { desiredState: TaskState.REMOVE });
    expect(serviceProgress(service, observe([completed, surplus])).kind).toBe(kind);
  });
});

describe('failures', () => {
  const failures = (count: number) => Array.from({ length: count }, () => task(1, FAILED));

  it('are tried again twice', () => {
    expect(serviceProgress(replicated(1), observe([...failures(2), task(1, PREPARING)])).kind).toBe('waiting');
  });

  it('are final the third time, with the last of them', () => {
    const tasks = [...failures(2), task(1, REJECTED), task(1, PREPARING)];
    expect(serviceProgress(replicated(1), observe(tasks))).toMatchObject({
      kind: 'failed',
      task: { id: tasks[2]?.id },
    });
  });

  it('count by slot', () => {
    const tasks = [1, 2, 3].map((slot) => task(slot, FAILED));
    expect(serviceProgress(replicated(3), observe(tasks)).kind).toBe('waiting');
  });

  it('do not matter once it runs', () => {
    expect(serviceProgress(replicated(1), observe([...failures(3), task(1, RUNNING)])).kind).toBe('done');
  });

  it('of before do not count', () => {
    const before = failures(3);
    const observed = observe([...before, task(1, PREPARING)], { ignoredFailures: new Set(before.map(({ id }) => id)) });
    expect(serviceProgress(replicated(1), observed).kind).toBe('waiting');
  });

  it('of before count where nothing follows them', () => {
    const [before] = failures(1);
    const observed = observe(before === undefined ? [] : [before], { ignoredFailures: new Set([before?.id ?? '']) });
    const task = { restart: { condition: RestartCondition.NONE } };
    expect(serviceProgress(replicated(1, { spec: { ...replicated(1).spec, task } }), observed).kind).toBe('failed');
  });

  it.each([
    [RestartCondition.NONE, 0, 1],
    [RestartCondition.ANY, 1, 2],
    [RestartCondition.ANY, 9, 3],
  ])('with restart condition %d and %d attempts are final at %d', (condition, maxAttempts, bound) => {
    const service = replicated(1, {
      spec: { mode: { $case: 'replicated', value: { replicas: 1 } }, task: { restart: { condition, maxAttempts } } },
    });
    expect(serviceProgress(service, observe(failures(bound - 1))).kind).toBe('waiting');
    expect(serviceProgress(service, observe(failures(bound))).kind).toBe('failed');
  });
});

describe('a global service', () => {
  it('runs once on every usable node', () => {
    const tasks = [task(0, RUNNING, { nodeId: 'n1' })];
    expect(serviceProgress(global(), observe(tasks, { usableNodes: nodes(1) })).kind).toBe('done');
    expect(serviceProgress(global(), observe(tasks, { usableNodes: nodes(2) })).kind).toBe('waiting');
  });

  it('counts those that its constraints let pass', () => {
    const placed = { ...global(), spec: { ...global().spec, placement: { constraints: ['node.id==n2'] } } };
    const tasks = [task(0, RUNNING, { nodeId: 'n2' })];
    expect(serviceProgress(Service.fromPartial(placed), observe(tasks, { usableNodes: nodes(3) })).kind).toBe('done');
  });

  it('fails by node', () => {
    const tasks = [1, 2, 3].map(() => task(0, FAILED, { nodeId: 'n2' }));
    expect(serviceProgress(global(), observe(tasks, { usableNodes: nodes(2) })).kind).toBe('failed');
  });
});

describe('latestFailure', () => {
  it('is that of the present spec', () => {
    const tasks = [task(1, FAILED), task(2, FAILED), task(1, FAILED, { specVersion: 1 })];
    expect(latestFailure([replicated(2)], observe(tasks))?.id).toBe(tasks[1]?.id);
    expect(latestFailure([], observe(tasks))).toBeUndefined();
  });
});

describe('a service that is being updated', () => {
  const updated = (state: UpdateState, message = '', failedTaskId = '') =>
    replicated(1, { updateStatus: { state, message, failedTaskId, startedAtMs: 5 } });
  const running = () => observe([task(1, RUNNING)]);

  it('is done once the managers have seen its tasks stay up', () => {
    expect(serviceProgress(updated(UpdateState.UPDATING), running())).toMatchObject({
      kind: 'waiting',
      reason: 'watching whether the new tasks stay up',
    });
    expect(serviceProgress(updated(UpdateState.COMPLETED), running())).toMatchObject({ kind: 'done' });
  });

  it('is halted when the update is paused, or was taken back, with the task whose failure it was', () => {
    const failed = task(1, FAILED);
    const message = `update paused due to failure or early termination of task ${failed.id}`;
    const service = updated(UpdateState.PAUSED, message, failed.id);
    const observed = observe([failed, task(1, RUNNING)]);
    expect(serviceProgress(service, observed)).toMatchObject({
      ...{ kind: 'halted', message, task: failed },
      hint: expect.stringContaining('gantry service rollback'),
    });
    const back = updated(UpdateState.ROLLBACK_COMPLETED, 'update rolled back due to failure', 'gone');
    expect(serviceProgress(back, running())).toMatchObject({
      ...{ kind: 'halted', task: undefined },
      hint: 'it runs as before; deploy a spec that works',
    });
    const going = updated(UpdateState.ROLLBACK_STARTED, 'update rolled back due to failure');
    expect(serviceProgress(going, running())).toMatchObject({
      kind: 'waiting',
      reason: 'rolling back: update rolled back due to failure',
    });
  });

  it('is done after a rollback that somebody asked for', () => {
    const service = updated(UpdateState.ROLLBACK_COMPLETED, 'rollback completed');
    expect(serviceProgress(service, running())).toMatchObject({ kind: 'done' });
  });

  it('is not judged by an update that ended before', () => {
    const service = updated(UpdateState.PAUSED, 'update paused');
    const observed = observe([task(1, RUNNING)], { ignoredUpdates: new Set([updateKey(service)]) });
    expect(serviceProgress(service, observed)).toMatchObject({ kind: 'done' });
  });
});
