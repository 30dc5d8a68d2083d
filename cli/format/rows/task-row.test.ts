import { describe, expect, it } from 'vitest';
import { Task, TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { renderListing } from '../listing.ts';
import { TASK_LISTING, taskRows } from './task-row.ts';

const NOW = 10_000_000;

function task(fields: Parameters<typeof Task.fromPartial>[0]): Task {
  return Task.fromPartial({
    spec: { container: { image: 'web:1' } },
    nodeId: 'n1',
    serviceName: 'shop_web',
    ...fields,
  });
}

describe('the list of tasks', () => {
  const tasks = [
    task({
      id: 'old0000000000000000000000',
      slot: 1,
      meta: { createdVersion: 1 },
      desiredState: TaskState.SHUTDOWN,
      status: { state: TaskState.FAILED, timestampMs: NOW - 61_000, error: 'exit code 3: the process ended by itself' },
    }),
    task({
      id: 'two0000000000000000000000',
      slot: 2,
      desiredState: TaskState.RUNNING,
      status: { state: TaskState.PREPARING, timestampMs: NOW - 500 },
    }),
    task({
      id: 'new0000000000000000000000',
      slot: 1,
      meta: { createdVersion: 2 },
      desiredState: TaskState.RUNNING,
      status: { state: TaskState.RUNNING, timestampMs: NOW - 60_000 },
    }),
  ];
  const options = { truncate: true, nowMs: NOW, nodeNames: new Map([['n1', 'host1']]) };

  it('has the tasks of a slot newest first, the earlier ones marked', () => {
    const text = renderListing(TASK_LISTING, taskRows(tasks, options), { format: undefined, quiet: false });
    expect(text.split('\n')).toEqual([
      'ID             NAME             IMAGE     NODE      DESIRED STATE   CURRENT STATE                      ERROR                            PORTS',
      'new000000000   shop_web.1       web:1     host1     Running         Running about a minute ago                                          ',
      'old000000000    \\_ shop_web.1   web:1     host1     Shutdown        Failed about a minute ago          "exit code 3: the process end…   ',
      'two000000000   shop_web.2       web:1     host1     Running         Preparing less than a second ago                                    ',
      '',
    ]);
  });

  it('has images without the digest that was looked up, unless all is to be shown', () => {
    const image = `reg:5000/web:1@sha256:${'a'.repeat(64)}`;
    const one = [task({ id: 'x', spec: { container: { image } } })];
    expect(taskRows(one, options).map((row) => row.Image)).toEqual(['reg:5000/web:1']);
    expect(taskRows(one, { ...options, truncate: false }).map((row) => row.Image)).toEqual([image]);
  });

  it('says what a task waits for', () => {
    const waiting = (changes: object) =>
      task({
        id: 'x',
        desiredState: TaskState.RUNNING,
        status: { state: TaskState.PENDING, message: 'no node', ...changes },
      });
    const errors = [
      waiting({}),
      waiting({ message: 'pending' }),
      waiting({ state: TaskState.RUNNING, message: 'started' }),
    ];
    expect(errors.map((one) => taskRows([one], options)[0]?.Error)).toEqual(['"no node"', '', '']);
  });

  it('names a global task by its node', () => {
    const rows = taskRows([task({ id: 'x', slot: 0, nodeId: 'n7' })], options);
    expect(rows[0]?.Name).toBe('shop_web.n7');
    expect(rows[0]?.Node).toBe('n7');
  });
});
