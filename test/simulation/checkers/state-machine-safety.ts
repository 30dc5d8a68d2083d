/** All nodes apply the same entry at the same index, and so all are in the same state and configuration there. */
import type { Entry, PeerId } from '../../../manager/raft/message.ts';
import { describeEntry, sameEntry } from './entry.ts';
import { Violation } from './violation.ts';

interface Applied {
  readonly entry: Entry;
  readonly by: PeerId;
  readonly state: StateSummary;
}

export interface StateSummary {
  /** Of the state machine. */
  readonly hash: number;
  /** The configuration as text. */
  readonly configuration: string;
}

export class StateMachineSafety {
  readonly #applied: (Applied | undefined)[] = [];

  get lastIndex(): number {
    return this.#applied.length - 1;
  }

  /** `by` has applied the entry and is now in the state. */
  applied(by: PeerId, entry: Entry, state: StateSummary): void {
    const known = this.#applied[entry.index];
    if (known === undefined) {
      this.#applied[entry.index] = { entry, by, state };
      return;
    }
    if (!sameEntry(known.entry, entry)) {
      const both = `${known.by} ${describeEntry(known.entry)}, ${by} ${describeEntry(entry)}`;
      throw new Violation('state machine safety', `two entries applied at index ${entry.index}: ${both}`);
    }
    this.#compare(by, entry.index, known, state);
  }

  /** `by` is in the state after the entry at the index, from a snapshot. */
  restored(by: PeerId, index: number, state: StateSummary): void {
    const known = this.#applied[index];
    if (known !== undefined) this.#compare(by, index, known, state);
  }

  #compare(by: PeerId, index: number, known: Applied, { hash, configuration }: StateSummary): void {
    if (known.state.hash !== hash) {
      throw new Violation('state machine safety', `${known.by} and ${by} differ in state after index ${index}`);
    }
    if (known.state.configuration !== configuration) {
      const both = `${known.by} ${known.state.configuration}, ${by} ${configuration}`;
      throw new Violation('state machine safety', `two configurations after index ${index}: ${both}`);
    }
  }
}
