import { describe, expect, it } from 'vitest';
import { Container, ContainerStatus } from '../../proto/generated/gantry/v1/engine.ts';
import { ContainerSpec, Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { clearPreStarts, nextPreStart, preStartImage, preStartSpec, presentPreStart } from './pre-start.ts';
import { newRecord, type TaskRecord } from './task-record.ts';

const { STARTING, RUNNING, FAILED, SHUTDOWN } = TaskState;

/** `hooks`: one letter each: o runs once, r for each replica. */
function record(
  hooks: string,
  changes: Partial<TaskRecord> = {},
  runsPreStart = false,
  state: TaskState = STARTING,
): TaskRecord {
  const preStart = [...hooks].map((letter) => ({ hook: { argv: [letter] }, perReplica: letter === 'r' }));
  const task = { id: 't1', desiredState: RUNNING, status: { state }, spec: { container: { image: 'app', preStart } } };
  return { ...newRecord(Task.fromPartial({ ...task, runsPreStart })), ...changes };
}

function hook(
  preStart: number,
  status: ContainerStatus,
  state: Partial<NonNullable<Container['state']>> = {},
): Container {
  return Container.fromPartial({ id: `h${preStart}`, taskId: 't1', preStart, state: { status, ...state } });
}

const seen = (...preStarts: Container[]) => ({ preStarts, pull: undefined });

describe('the hook that is next', () => {
  it.each<[string, boolean, (number | undefined)[]]>([
    ['', true, [undefined]],
    ['o', false, [undefined]],
    ['o', true, [1, undefined]],
    ['r', false, [1, undefined]],
    ['oro', false, [2, 2, undefined, undefined]],
    ['oro', true, [1, 2, 3, undefined]],
  ])('of "%s", for all: %s, is by how many are done', (hooks, forAll, expected) => {
    const found = expected.map((_, preStartsDone) => presentPreStart(record(hooks, { preStartsDone }, forAll)));
    expect(found).toEqual(expected);
  });
});

describe('a hook', () => {
  const { CREATED, EXITED, DEAD, PAUSED } = ContainerStatus;
  const running = ContainerStatus.RUNNING;

  it.each<[string, Container[], object]>([
    ['is made', [], { kind: 'createPreStart', number: 1 }],
    ['is started', [hook(1, CREATED)], { kind: 'startPreStart', number: 1 }],
    ['is waited for', [hook(1, running)], { kind: 'wait', message: 'running pre_start hook 1' }],
    ['is waited for when paused', [hook(1, PAUSED)], { kind: 'wait' }],
    ['counts', [hook(1, EXITED)], { kind: 'countPreStart', number: 1 }],
    ['fails', [hook(1, EXITED, { exitCode: 3 })], { kind: 'failPreStart', number: 1, error: 'exit code 3' }],
    ['is lost with its host', [hook(1, DEAD, { error: 'lost' })], { kind: 'failPreStart', error: 'lost' }],
    [
      'runs out of memory',
      [hook(1, EXITED, { exitCode: 137, oomKilled: true })],
      { kind: 'failPreStart', error: 'out of memory (exit code 137)' },
    ],
  ])('%s', (_what, containers, step) => {
    expect(nextPreStart(record('rr'), seen(...containers))).toMatchObject(step);
  });

  it('waits for its image', () => {
    const pulling = { preStarts: [], pull: { kind: 'pulling', doing: 'pulling other' } } as const;
    expect(nextPreStart(record('r'), pulling)).toMatchObject({ kind: 'wait', message: 'pulling other' });
    const failed = { preStarts: [], pull: { kind: 'failed', error: 'No such image: other' } } as const;
    expect(nextPreStart(record('r'), failed)).toMatchObject({ kind: 'failPreStart', error: 'No such image: other' });
    expect(nextPreStart(record('r'), { preStarts: [], pull: { kind: 'done' } })?.kind).toBe('createPreStart');
  });

  it('follows the one before', () => {
    expect(nextPreStart(record('rr', { preStartsDone: 1 }), seen())).toEqual({ kind: 'createPreStart', number: 2 });
    expect(nextPreStart(record('rr', { preStartsDone: 2 }), seen())).toBeUndefined();
  });

  it('goes once it has succeeded, and when its task goes', () => {
    const done = record('rr', { preStartsDone: 1 });
    expect(clearPreStarts(done, [hook(1, EXITED), hook(2, running)], false)).toEqual({
      kind: 'removePreStart',
      number: 1,
    });
    expect(clearPreStarts(record('r'), [hook(1, EXITED)], false)).toBeUndefined();
    expect(clearPreStarts(record('r'), [hook(1, EXITED)], true)).toEqual({ kind: 'removePreStart', number: 1 });
  });

  it('stays to be looked at when it has failed', () => {
    const failed = [hook(1, EXITED, { exitCode: 3 })];
    expect(clearPreStarts(record('r', {}, false, FAILED), failed, false)).toBeUndefined();
  });

  it('is stopped when its task is not to start any more', () => {
    const stop = { kind: 'stopPreStart', number: 1 };
    const { task } = record('r');
    const going = [hook(1, running)];
    expect(clearPreStarts(record('r'), going, false)).toBeUndefined();
    expect(clearPreStarts(record('r', { assigned: false }), going, true)).toEqual(stop);
    expect(clearPreStarts(record('r', { task: { ...task, desiredState: SHUTDOWN } }), going, false)).toEqual(stop);
    expect(clearPreStarts(record('r', { failure: 'unhealthy' }), going, false)).toEqual(stop);
    expect(clearPreStarts(record('r', {}, false, RUNNING), going, false)).toEqual(stop);
  });
});

describe('the container of a hook', () => {
  const spec = ContainerSpec.fromPartial({
    ...{
      image: 'app',
      entrypoint: { items: ['/entry'] },
      command: { items: ['serve'] },
      env: ['A=1', 'B=2'],
      user: 'me',
    },
    ...{ dir: '/app', containerName: 'front', capAdd: ['NET_ADMIN'], postStart: [{ argv: ['x'] }] },
    preStart: [
      { hook: { argv: ['migrate'], env: ['B=3', 'C=4'] } },
      { hook: { argv: ['chown'], user: 'root', dir: '/', privileged: true }, image: 'busybox' },
    ],
  });

  it('is like the task’s own but for what it says', () => {
    expect(preStartSpec(spec, 1)).toMatchObject({
      ...{ image: 'app', entrypoint: { items: ['/entry'] }, command: { items: ['migrate'] } },
      ...{ env: ['A=1', 'B=3', 'C=4'], user: 'me', dir: '/app', privileged: false, capAdd: ['NET_ADMIN'] },
      ...{ containerName: '', preStart: [], postStart: [], healthcheck: { test: ['NONE'] } },
    });
  });

  it('has the entrypoint of its own image', () => {
    const of = preStartSpec(spec, 2);
    expect(of).toMatchObject({
      image: 'busybox',
      command: { items: ['chown'] },
      user: 'root',
      dir: '/',
      privileged: true,
    });
    expect(of.entrypoint).toBeUndefined();
    const task = Task.fromPartial({ spec: { container: spec } });
    expect([1, 2].map((number) => preStartImage(task, number))).toEqual(['app', 'busybox']);
  });
});
