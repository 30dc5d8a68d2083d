/**
 * If two logs have an entry with the same index and term, they are identical up to it. Checked entry by entry as they
 * enter a log: the same index and term mean the same content, and the same term of the entry before; the rest follows by
 * induction.
 */
import type { Entry } from '../../../manager/raft/message.ts';
import { describeEntry, sameEntry } from './entry.ts';
import type { LogTerms } from './log-terms.ts';
import { Violation } from './violation.ts';

interface Known {
  readonly entry: Entry;
  readonly previousTerm: number | undefined;
}

/** More terms than any run has. */
const TERMS = 2 ** 20;

export class LogMatching {
  readonly #known = new Map<number, Known>();

  /** The entries go into the log, over what is there. */
  append(log: LogTerms, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const previousTerm = log.termOf(entry.index - 1);
      this.#check(entry, previousTerm);
      log.put(entry.index, entry.term);
    }
  }

  #check(entry: Entry, previousTerm: number | undefined): void {
    const key = entry.index * TERMS + entry.term;
    const known = this.#known.get(key);
    if (known === undefined) {
      this.#known.set(key, { entry, previousTerm });
      return;
    }
    if (!sameEntry(known.entry, entry)) {
      throw new Violation(
        'log matching',
        `two entries in one place: ${describeEntry(known.entry)}, ${describeEntry(entry)}`,
      );
    }
    if (known.previousTerm !== previousTerm) {
      const terms = `${known.previousTerm} in one log, ${previousTerm} in another`;
      throw new Violation('log matching', `the entry before ${describeEntry(entry)} has term ${terms}`);
    }
  }
}
