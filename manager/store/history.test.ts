import { describe, expect, it } from 'vitest';
import { History } from './history.ts';
import type { StoreEvent } from './watch.ts';

const LIMITS = { events: 10, bytes: 1000 };

/** One event; all that counts of it is its revision. */
function event(revision: number): StoreEvent {
  return { revision } as StoreEvent;
}

function told(history: History, revision: number): number[] | undefined {
  return history.after(revision)?.map((one) => one.revision);
}

describe('History', () => {
  it('tells what came after a revision, whether or not an entry had it', () => {
    const history = new History(LIMITS);
    history.add(2, [event(2)], 1);
    history.add(5, [event(5), event(5)], 1);
    expect(told(history, 0)).toEqual([2, 5, 5]);
    expect(told(history, 2)).toEqual([5, 5]);
    expect(told(history, 4)).toEqual([5, 5]);
    expect(told(history, 5)).toEqual([]);
  });

  it('forgets the oldest entries beyond a number of events, each as a whole', () => {
    const history = new History(LIMITS);
    for (let revision = 1; revision <= 100; revision += 1) history.add(revision, [event(revision), event(revision)], 1);
    expect(told(history, 94)).toBeUndefined();
    expect(told(history, 95)).toEqual([96, 97, 98, 99, 100].flatMap((revision) => [revision, revision]));
  });

  it('forgets the oldest entries beyond a size, if need be all', () => {
    const history = new History(LIMITS);
    history.add(1, [event(1)], 600);
    history.add(2, [event(2)], 600);
    expect(told(history, 0)).toBeUndefined();
    expect(told(history, 1)).toEqual([2]);
    history.add(3, [event(3)], 5000);
    expect(told(history, 2)).toBeUndefined();
    expect(told(history, 3)).toEqual([]);
  });

  it('knows nothing of what came before a new beginning', () => {
    const history = new History(LIMITS);
    history.add(1, [event(1)], 1);
    history.begin(7);
    expect(told(history, 6)).toBeUndefined();
    expect(told(history, 7)).toEqual([]);
    history.add(8, [event(8)], 1);
    expect(told(history, 7)).toEqual([8]);
  });
});
