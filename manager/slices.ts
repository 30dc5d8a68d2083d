/** Long work in slices, between which the event loop gets its turn. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** What a slice may cost: it takes a millisecond, or several when the garbage collector works along. */
const SLICE_COST = 128 * 1024;
/** Beside its bytes, what an object costs. */
const OBJECT_COST = 2048;

export class Slices {
  #spent = 0;

  /** Counts what was done. True: it is time for `pause`. */
  spend(bytes: number, objects: number): boolean {
    this.#spent += bytes + objects * OBJECT_COST;
    return this.#spent >= SLICE_COST;
  }

  async pause(): Promise<void> {
    this.#spent = 0;
    await nextTurn();
  }
}
