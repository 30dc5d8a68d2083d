import { describe, expect, it } from 'vitest';
import { Random } from './prng.ts';
import { Scheduler } from './scheduler.ts';

describe('Scheduler', () => {
  it('runs actions when they are due, and those of one moment in the order in which they came', () => {
    const random = new Random(1);
    const scheduler = new Scheduler();
    const due: { time: number; order: number }[] = [];
    const ran: { time: number; order: number }[] = [];
    for (let order = 0; order < 1000; order += 1) {
      const event = { time: random.below(100), order };
      due.push(event);
      scheduler.after(event.time, () => {
        expect(scheduler.now).toBe(event.time);
        ran.push(event);
      });
    }
    while (scheduler.step());
    expect(ran).toEqual(due.sort((one, other) => one.time - other.time || one.order - other.order));
    expect(scheduler.steps).toBe(1000);
  });

  it('takes more while it runs, from the moment on that it is at', () => {
    const scheduler = new Scheduler();
    const times: number[] = [];
    scheduler.after(5, () => {
      times.push(scheduler.now);
      scheduler.after(5, () => times.push(scheduler.now));
      scheduler.after(0, () => times.push(scheduler.now));
    });
    while (scheduler.step());
    expect(times).toEqual([5, 5, 10]);
    expect(scheduler.next).toBeUndefined();
  });
});
