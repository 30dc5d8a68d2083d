import { describe, expect, it } from 'vitest';
import { Meta, Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { pastEvents, taskEvents } from './task-events.ts';

function task(state: TaskState, status: Partial<Task['status']> = {}, healthcheck?: readonly string[]): Task {
  return Task.fromPartial({
    id: 't',
    serviceName: 'shop_web',
    slot: 2,
    spec: { container: { image: 'web:1', labels: { a: 'b' }, healthcheck: { test: [...(healthcheck ?? [])] } } },
    status: { state, containerId: 'c', timestampMs: 7, ...status },
  });
}

const STARTING = task(TaskState.STARTING, { pid: 5 });
const RUNNING = task(TaskState.RUNNING, { startedAtMs: 3 });

describe('events of a container', () => {
  const actions = (before: Task | undefined, after: Task | undefined) =>
    taskEvents(before, after, 9).map(({ action }) => action);

  it.each<[string, Task | undefined, Task | undefined, string[]]>([
    ['it is waited for', undefined, task(TaskState.PENDING, { containerId: '' }), []],
    ['it is made', task(TaskState.PREPARING, { containerId: '' }), task(TaskState.READY), ['create']],
    ['it is made and starts', undefined, STARTING, ['create', 'start']],
    ['it goes on', STARTING, RUNNING, []],
    [
      'it is healthy',
      task(TaskState.STARTING, { pid: 5 }, ['CMD', 'true']),
      task(TaskState.RUNNING, { pid: 5 }, ['CMD', 'true']),
      ['health_status: healthy'],
    ],
    ['it ends', RUNNING, task(TaskState.FAILED, { exitCode: 3, startedAtMs: 3 }), ['die']],
    ['it is stopped', RUNNING, task(TaskState.SHUTDOWN, { startedAtMs: 3 }), ['die', 'stop']],
    ['it never ran', task(TaskState.READY), task(TaskState.REJECTED), []],
    ['it is removed', task(TaskState.SHUTDOWN), undefined, ['destroy']],
  ])('%s', (_, before, after, expected) => {
    expect(actions(before, after)).toEqual(expected);
  });

  it('say which container it is, and what it ended with', () => {
    expect(taskEvents(RUNNING, task(TaskState.FAILED, { exitCode: 3, startedAtMs: 3 }), 9)).toEqual([
      {
        action: 'die',
        id: 'c',
        timeMs: 7,
        attributes: { a: 'b', exitCode: '3', image: 'web:1', name: 'shop_web.2' },
      },
    ]);
  });

  it('can be told from what a task is', () => {
    const ended = task(TaskState.SHUTDOWN, { startedAtMs: 3, endedAtMs: 5 });
    const told = pastEvents({ ...ended, meta: Meta.fromPartial({ createdAtMs: 2 }) });
    expect(told.map(({ action, timeMs }) => [action, timeMs])).toEqual([
      ['create', 2],
      ['start', 3],
      ['die', 5],
      ['stop', 5],
    ]);
    expect(pastEvents(task(TaskState.PENDING, { containerId: '' }))).toEqual([]);
  });
});
