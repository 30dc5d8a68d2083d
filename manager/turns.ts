/** Gives everybody who has work to do a turn of the event loop of their own, one after another. */
import { setImmediate as nextTurn } from 'node:timers/promises';

export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when all who asked before have had their turn. */
  next(): Promise<void> {
    this.#last = this.#last.then(() => nextTurn());
    return this.#last;
  }
}
