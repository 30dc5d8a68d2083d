import { describe, expect, it } from 'vitest';
import { TaskStatusUpdate } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { Backoff } from './backoff.ts';
import { StatusBatch } from './status-batch.ts';

function update(taskId: string, message: string): TaskStatusUpdate {
  return TaskStatusUpdate.fromPartial({ taskId, status: { message } });
}

describe('StatusBatch', () => {
  it('holds the latest of each task, in the order of the last change', () => {
    const batch = new StatusBatch();
    batch.put(update('t1', 'a'));
    batch.put(update('t2', 'b'));
    batch.put(update('t1', 'c'));
    expect(batch.take().map(({ status }) => status?.message)).toEqual(['b', 'c']);
    expect(batch.take()).toEqual([]);
  });

  it('comes in messages of bounded size', () => {
    const batch = new StatusBatch();
    for (let task = 0; task < 1500; task += 1) batch.put(update(`t${task}`, ''));
    expect([batch.take().length, batch.take().length, batch.take().length]).toEqual([1000, 500, 0]);
  });
});

describe('Backoff', () => {
  it('doubles up to its bound, with jitter, and starts anew after a success', () => {
    const draws = [0, 0.5, 0.999, 0, 0];
    const backoff = new Backoff({ firstMs: 100, lastMs: 400, random: () => draws.shift() ?? 0 });
    expect([1, 2, 3, 4].map(() => Math.round(backoff.nextMs()))).toEqual([50, 150, 400, 200]);
    backoff.reset();
    expect(backoff.nextMs()).toBe(50);
  });
});
