import { describe, expect, it } from 'vitest';
import { Container, ContainerStatus, HealthStatus } from '../../proto/generated/gantry/v1/engine.ts';
import { Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { nextStep, type Observed, type Step } from './next-step.ts';
import { newRecord, type TaskRecord } from './task-record.ts';

const NOW_MS = 1_000_000;

function record(state: TaskState, desiredState: TaskState, changes: Partial<TaskRecord> = {}): TaskRecord {
  return { ...newRecord(Task.fromPartial({ id: 't1', desiredState, status: { state } })), ...changes };
}

type ContainerIs = 'none' | 'created' | 'running' | 'paused' | 'exited' | 'dead';

const STATUS: Record<Exclude<ContainerIs, 'none'>, ContainerStatus> = {
  created: ContainerStatus.CREATED,
  running: ContainerStatus.RUNNING,
  paused: ContainerStatus.PAUSED,
  exited: ContainerStatus.EXITED,
  dead: ContainerStatus.DEAD,
};

function observed(container: ContainerIs, state: Partial<NonNullable<Container['state']>> = {}): Observed {
  return {
    container:
      container === 'none'
        ? undefined
        : Container.fromPartial({ id: 'c1', taskId: 't1', state: { status: STATUS[container], ...state } }),
    networkPeer: undefined,
    preStarts: [],
    missing: [],
    pull: undefined,
    hook: undefined,
    aloneSinceMs: undefined,
    nowMs: NOW_MS,
  };
}

/** A step in one word, for tables. */
function word(step: Step): string {
  if (step.kind !== 'advance') return step.kind;
  const [name] = Object.entries(TaskState).find(([, value]) => value === step.state) ?? ['?'];
  return name;
}

const STATES = [
  TaskState.NEW,
  TaskState.PENDING,
  TaskState.ASSIGNED,
  TaskState.ACCEPTED,
  TaskState.PREPARING,
  TaskState.READY,
  TaskState.STARTING,
  TaskState.RUNNING,
  TaskState.COMPLETE,
  TaskState.SHUTDOWN,
  TaskState.FAILED,
  TaskState.REJECTED,
  TaskState.ORPHANED,
] as const;
const CONTAINERS: readonly ContainerIs[] = ['none', 'created', 'running', 'paused', 'exited', 'dead'];

describe('a task that shall run', () => {
  // Columns: CONTAINERS.
  const table: Record<string, readonly [state: TaskState, ...steps: string[]]> = {
    new: [TaskState.NEW, 'ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'ACCEPTED'],
    pending: [TaskState.PENDING, 'ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'ACCEPTED'],
    assigned: [TaskState.ASSIGNED, 'ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'ACCEPTED', 'ACCEPTED'],
    accepted: [TaskState.ACCEPTED, 'PREPARING', 'PREPARING', 'PREPARING', 'PREPARING', 'PREPARING', 'PREPARING'],
    preparing: [TaskState.PREPARING, 'create', 'READY', 'READY', 'READY', 'READY', 'READY'],
    ready: [TaskState.READY, 'STARTING', 'STARTING', 'STARTING', 'STARTING', 'STARTING', 'STARTING'],
    starting: [TaskState.STARTING, 'FAILED', 'start', 'RUNNING', 'RUNNING', 'COMPLETE', 'COMPLETE'],
    running: [TaskState.RUNNING, 'FAILED', 'COMPLETE', 'wait', 'wait', 'COMPLETE', 'COMPLETE'],
    complete: [TaskState.COMPLETE, 'wait', 'wait', 'stop', 'stop', 'wait', 'wait'],
    shutdown: [TaskState.SHUTDOWN, 'wait', 'wait', 'stop', 'stop', 'wait', 'wait'],
    failed: [TaskState.FAILED, 'wait', 'wait', 'stop', 'stop', 'wait', 'wait'],
    rejected: [TaskState.REJECTED, 'wait', 'wait', 'stop', 'stop', 'wait', 'wait'],
    orphaned: [TaskState.ORPHANED, 'wait', 'wait', 'stop', 'stop', 'wait', 'wait'],
  };
  it.each(Object.entries(table))('%s: its step for each state of its container', (_name, [state, ...steps]) => {
    const found = CONTAINERS.map((container) => word(nextStep(record(state, TaskState.RUNNING), observed(container))));
    expect(found).toEqual(steps);
  });

  it('waits for what it is made of, and says for what', () => {
    const preparing = record(TaskState.PREPARING, TaskState.RUNNING);
    const missing = { ...observed('none'), missing: ['network n1', 'secret s1'] };
    expect(nextStep(preparing, missing)).toMatchObject({ kind: 'wait', message: 'waiting for network n1, secret s1' });
  });

  it('is prepared but not started while only READY is desired', () => {
    expect(nextStep(record(TaskState.PREPARING, TaskState.READY), observed('none')).kind).toBe('create');
    expect(nextStep(record(TaskState.READY, TaskState.READY), observed('created')).kind).toBe('wait');
  });

  it('is not started before its time', () => {
    const ready = record(TaskState.READY, TaskState.RUNNING);
    const later = { ...ready, task: { ...ready.task, startAfterMs: NOW_MS + 5 } };
    expect(nextStep(later, observed('created'))).toMatchObject({ kind: 'wait', untilMs: NOW_MS + 5 });
    const due = { ...ready, task: { ...ready.task, startAfterMs: NOW_MS } };
    expect(word(nextStep(due, observed('created')))).toBe('STARTING');
  });

  it('counts as running only once it is healthy', () => {
    const starting = record(TaskState.STARTING, TaskState.RUNNING);
    expect(nextStep(starting, observed('running', { health: HealthStatus.STARTING })).kind).toBe('wait');
    expect(word(nextStep(starting, observed('running', { health: HealthStatus.HEALTHY })))).toBe('RUNNING');
  });

  it.each([TaskState.STARTING, TaskState.RUNNING])('unhealthy in state %s: condemned, stopped, failed', (state) => {
    const unhealthy = { health: HealthStatus.UNHEALTHY, healthOutput: 'trying\nconnection refused\n' };
    const task = record(state, TaskState.RUNNING);
    const failure = 'unhealthy: connection refused';
    expect(nextStep(task, observed('running', unhealthy))).toEqual({ kind: 'condemn', failure });
    expect(nextStep({ ...task, failure }, observed('running', unhealthy))).toEqual({ kind: 'stop' });
    expect(nextStep({ ...task, failure }, observed('exited', { exitCode: 0 }))).toMatchObject({
      state: TaskState.FAILED,
      error: failure,
    });
  });

  it('names the exit code, and memory that ran out', () => {
    const running = record(TaskState.RUNNING, TaskState.RUNNING);
    expect(nextStep(running, observed('exited', { exitCode: 3 }))).toMatchObject({ error: 'exit code 3' });
    expect(nextStep(running, observed('exited', { exitCode: 137, oomKilled: true }))).toMatchObject({
      state: TaskState.FAILED,
      error: 'out of memory (exit code 137)',
    });
  });
});

describe('a task on the network of another one', () => {
  const sharing = (state: TaskState, desiredState: TaskState = TaskState.RUNNING): TaskRecord => ({
    ...newRecord(
      Task.fromPartial({
        ...{ id: 't1', desiredState, status: { state }, networkTaskId: 't2' },
        spec: { container: { networkOf: 'db' } },
      }),
    ),
  });
  /** `started`: the container's own, and the other one's. */
  const beside = (own: ContainerIs, other: ContainerIs, started: readonly [number, number] = [2, 1]) => {
    const networkPeer = observed(other, { startedAtMs: started[1] }).container;
    return { ...observed(own, { startedAtMs: started[0] }), networkPeer };
  };
  const { PREPARING, STARTING, RUNNING, SHUTDOWN } = TaskState;

  // Columns: the other one's container, as in CONTAINERS.
  it.each<[string, TaskState, ContainerIs, ...string[]]>([
    ['is made', PREPARING, 'none', 'wait', 'wait', 'create', 'create', 'wait', 'wait'],
    ['is started', STARTING, 'created', 'wait', 'wait', 'start', 'start', 'wait', 'wait'],
    ['has started', STARTING, 'running', 'RUNNING', 'RUNNING', 'RUNNING', 'RUNNING', 'RUNNING', 'RUNNING'],
    ['goes on', RUNNING, 'running', 'wait', 'wait', 'wait', 'wait', 'wait', 'wait'],
  ])('%s while that is none, created, running, paused, exited, dead', (_what, state, own, ...steps) => {
    expect(CONTAINERS.map((other) => word(nextStep(sharing(state), beside(own, other))))).toEqual(steps);
  });

  it('says what it waits for', () => {
    const step = nextStep(sharing(PREPARING), beside('none', 'none'));
    expect(step).toEqual({
      ...{ kind: 'wait', untilMs: undefined },
      message: 'waiting for the task of db whose network it shares',
    });
  });

  it.each([STARTING, RUNNING])('is ended in state %s when that one’s container was started after it', (state) => {
    const left = nextStep(sharing(state), beside('running', 'running', [1, 2]));
    expect(left).toMatchObject({ kind: 'condemn', failure: expect.stringContaining('was started again') });
    expect(nextStep(sharing(state), beside('running', 'exited', [1, 2])).kind).not.toBe('condemn');
    expect(nextStep(sharing(state), beside('running', 'running', [2, 2])).kind).not.toBe('condemn');
  });

  it('is started again on the spot only beside that one', () => {
    const alone = { aloneSinceMs: 1 };
    expect(nextStep(sharing(RUNNING), { ...beside('exited', 'running'), ...alone }).kind).toBe('restart');
    expect(nextStep(sharing(RUNNING), { ...beside('exited', 'exited'), ...alone }).kind).toBe('wait');
  });

  it('stops without it', () => {
    expect(nextStep(sharing(RUNNING, SHUTDOWN), beside('running', 'none')).kind).toBe('retire');
  });
});

describe('hooks that run after the start', () => {
  const spec = { container: { postStart: [{ argv: ['a'] }, { argv: ['b'] }] } };
  const withHooks = (
    state: TaskState,
    hooksDone: number,
    desiredState: TaskState = TaskState.RUNNING,
    failure = '',
  ): TaskRecord => ({
    ...newRecord(Task.fromPartial({ id: 't1', desiredState, status: { state }, spec })),
    ...{ hooksDone, failure },
  });
  const seen = (hook: Observed['hook'], container: ContainerIs = 'running') => ({ ...observed(container), hook });
  const { STARTING, RUNNING, SHUTDOWN, REMOVE, FAILED } = TaskState;

  it.each([STARTING, RUNNING])('run one after the other in state %s', (state) => {
    expect(nextStep(withHooks(state, 0), seen(undefined))).toEqual({ kind: 'beginHook', index: 0 });
    expect(nextStep(withHooks(state, 0), seen({ kind: 'running' }))).toMatchObject({
      kind: 'wait',
      message: 'running post_start hook 1',
    });
    expect(nextStep(withHooks(state, 0), seen({ kind: 'done' }))).toEqual({ kind: 'countHook', done: 1 });
    expect(nextStep(withHooks(state, 1), seen(undefined))).toEqual({ kind: 'beginHook', index: 1 });
    expect(nextStep(withHooks(state, 2), seen(undefined)).kind).toBe(state === RUNNING ? 'wait' : 'advance');
  });

  it('make the task fail when one fails', () => {
    const failed = seen({ kind: 'failed', error: 'exit code 3' });
    expect(nextStep(withHooks(STARTING, 1), failed)).toEqual({ kind: 'condemn', failure: 'exit code 3' });
    expect(nextStep(withHooks(STARTING, 1, RUNNING, 'exit code 3'), failed)).toEqual({ kind: 'leaveHook' });
    expect(nextStep(withHooks(STARTING, 1, RUNNING, 'exit code 3'), seen(undefined))).toEqual({ kind: 'stop' });
  });

  it.each([
    [STARTING, SHUTDOWN],
    [RUNNING, REMOVE],
    [FAILED, RUNNING],
  ])('are broken off in state %s when %s is desired', (state, desired) => {
    expect(nextStep(withHooks(state, 0, desired), seen({ kind: 'running' }))).toEqual({ kind: 'leaveHook' });
  });

  it('don’t matter to a container that has ended', () => {
    expect(word(nextStep(withHooks(STARTING, 0), seen(undefined, 'exited')))).toBe('COMPLETE');
  });
});

describe.each([
  ['is to be shut down', TaskState.SHUTDOWN],
  ['is to be removed', TaskState.REMOVE],
])('a task that %s', (_name, desired) => {
  it.each(STATES)('in state %s: its process is stopped first; one that works answers what it was asked', (state) => {
    const step = state === TaskState.RUNNING ? 'retire' : 'stop';
    expect(nextStep(record(state, desired), observed('running')).kind).toBe(step);
    expect(nextStep({ ...record(state, desired), failure: 'unhealthy' }, observed('running')).kind).toBe('stop');
  });

  it.each(STATES.filter((state) => state < TaskState.COMPLETE))('in state %s: ends as SHUTDOWN', (state) => {
    for (const container of ['none', 'created', 'exited', 'dead'] as const) {
      expect(word(nextStep(record(state, desired), observed(container)))).toBe('SHUTDOWN');
    }
  });

  it.each(STATES.filter((state) => state >= TaskState.COMPLETE))('in state %s: moves no further', (state) => {
    expect(nextStep(record(state, desired), observed('none')).kind).toBe('wait');
  });
});

describe('what becomes of the container', () => {
  it('stays for its logs while the task is assigned', () => {
    expect(nextStep(record(TaskState.FAILED, TaskState.SHUTDOWN), observed('exited')).kind).toBe('wait');
  });

  it('goes when the task is to be removed', () => {
    expect(nextStep(record(TaskState.SHUTDOWN, TaskState.REMOVE), observed('exited')).kind).toBe('remove');
  });

  it.each(STATES)('goes, and then the record, when the task is no longer assigned in state %s', (state) => {
    const unassigned = record(state, TaskState.RUNNING, { assigned: false });
    const steps = (['running', 'exited', 'none'] as const).map((is) => nextStep(unassigned, observed(is)).kind);
    expect(steps).toEqual(['stop', 'remove', 'forget']);
  });
});
