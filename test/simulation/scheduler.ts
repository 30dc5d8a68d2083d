/**
 * The simulation's time: actions wait in a heap until their moment comes. Nothing else moves the clock, so a simulated
 * hour costs what happens in it and no more. What is due at the same moment runs in the order in which it was scheduled.
 */

/** Milliseconds of simulated time. */
export type SimulatedMs = number;

interface Event {
  readonly time: SimulatedMs;
  readonly order: number;
  readonly action: () => void;
}

export class Scheduler {
  readonly #heap: Event[] = [];
  #now: SimulatedMs = 0;
  #order = 0;
  #steps = 0;

  get now(): SimulatedMs {
    return this.#now;
  }

  /** Actions run so far. */
  get steps(): number {
    return this.#steps;
  }

  /** When the next action is due; undefined when there is none. */
  get next(): SimulatedMs | undefined {
    return this.#heap[0]?.time;
  }

  after(delay: SimulatedMs, action: () => void): void {
    this.#order += 1;
    this.#push({ time: this.#now + delay, order: this.#order, action });
  }

  /** Runs the next action; false when there is none. */
  step(): boolean {
    const event = this.#pop();
    if (event === undefined) return false;
    this.#now = event.time;
    this.#steps += 1;
    event.action();
    return true;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || before(parent, event)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) this.#sink(last);
    return first;
  }

  /** Puts the event in the root's place, and then where it belongs. */
  #sink(event: Event): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const smaller = right !== undefined && before(right, left) ? right : left;
      if (before(event, smaller)) break;
      heap[at] = smaller;
      at = 2 * at + (smaller === left ? 1 : 2);
    }
    heap[at] = event;
  }
}

function before(one: Event, other: Event): boolean {
  return one.time < other.time || (one.time === other.time && one.order < other.order);
}
