import { describe, expect, it } from 'vitest';
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { service, serviceSpec, type TaskOptions, task } from '../objects.testing.ts';
import { completeServiceSpec } from '../store/service.ts';
import { finishedPreStart, preStartOf } from './pre-start.ts';

const { PENDING, STARTING, RUNNING, FAILED, COMPLETE, SHUTDOWN } = TaskState;

const spec = (preStart: readonly string[]) => completeServiceSpec(serviceSpec('web', { preStart }));

function part(
  preStart: readonly string[],
  others: ReturnType<typeof task>[] = [],
  { done, ...options }: TaskOptions & { readonly done?: number } = {},
) {
  const wanted = { ...task('t', { state: PENDING, specVersion: 2, ...options }), spec: spec(preStart).task };
  const web = { ...service('web', { specVersion: 2 }), preStartVersion: done };
  const found = preStartOf(wanted, web, () => [wanted, ...others]);
  return found.kind === 'awaited' ? found.reason : found.kind;
}

const runner = (options: TaskOptions = {}) => task('r', { runsPreStart: true, specVersion: 2, slot: 3, ...options });

describe('hooks that run once', () => {
  it.each<[readonly string[], string]>([
    [[], 'none'],
    [['each:a'], 'none'],
    [['a'], 'runs'],
    [['each:a', 'b'], 'runs'],
  ])('%j: are run by the first task', (hooks, expected) => {
    expect(part(hooks)).toBe(expected);
  });

  it('are waited for by the others', () => {
    for (const state of [TaskState.ASSIGNED, STARTING, RUNNING]) {
      expect(part(['a'], [runner({ state })])).toBe('waiting for the pre_start hooks, which task web.3 runs');
    }
  });

  it('are run by another task when the first one has failed, is to stop, or is of another version', () => {
    expect(part(['a'], [runner({ state: FAILED })])).toBe('runs');
    expect(part(['a'], [runner({ state: COMPLETE })])).toBe('runs');
    expect(part(['a'], [runner({ state: STARTING, desiredState: SHUTDOWN })])).toBe('runs');
    expect(part(['a'], [runner({ state: STARTING, specVersion: 1 })])).toBe('runs');
    expect(part(['a'], [runner({ state: STARTING, runsPreStart: undefined })])).toBe('runs');
  });

  it('are not run again for their version, but for the next', () => {
    expect(part(['a'], [], { done: 2 })).toBe('none');
    expect(part(['a'], [], { done: 1 })).toBe('runs');
  });

  it('are not run for what replaces a task of an earlier version', () => {
    expect(part(['a'], [], { specVersion: 1 })).toBe('none');
  });

  it('have succeeded when a task of the present version says so', () => {
    const web = service('web', { specVersion: 2 });
    const done = (options: TaskOptions) => {
      const made = runner(options);
      return { ...made, status: { ...made.status, preStartDone: true } };
    };
    expect(finishedPreStart(web, [runner()])).toBeUndefined();
    expect(finishedPreStart(web, [done({ specVersion: 1 })])).toBeUndefined();
    expect(finishedPreStart(web, [runner(), done({ state: FAILED })])).toBe(2);
  });
});
