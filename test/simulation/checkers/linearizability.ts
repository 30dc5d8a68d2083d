/**
 * Clients see one state that only goes forward (Herlihy and Wing, 1990). Each write makes a version of its own and each read
 * returns one, which orders all operations; what is left to check is that this order fits the time in which they
 * happened: nothing may be ordered before what had ended when it began.
 */
import { Violation } from './violation.ts';

/** The latest version that anybody had seen when an operation began. */
export type Floor = number;

export class Linearizability {
  #seen: Floor = 0;

  /** The latest version that a client has been told of. */
  get acknowledged(): number {
    return this.#seen;
  }

  begin(): Floor {
    return this.#seen;
  }

  wrote(floor: Floor, version: number): void {
    if (version <= floor) {
      throw new Violation(
        'linearizability',
        `a write made version ${version}, but ${floor} had been seen before it began`,
      );
    }
    this.#seen = Math.max(this.#seen, version);
  }

  read(floor: Floor, version: number): void {
    if (version < floor) {
      throw new Violation(
        'linearizability',
        `a read returned version ${version}, but ${floor} had been seen before it began`,
      );
    }
    this.#seen = Math.max(this.#seen, version);
  }
}
