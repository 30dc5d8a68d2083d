/** The end of the log that isn't on disk yet, and a snapshot that isn't either. */
import type { Entry, Snapshot } from '../message.ts';

export class Unstable {
  #snapshot: Snapshot | undefined;
  #entries: readonly Entry[] = [];
  /** Index that the first entry has, or will have. */
  #offset: number;

  constructor(offset: number) {
    this.#offset = offset;
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Undefined when there is neither an entry nor a snapshot. */
  lastIndex(): number | undefined {
    return this.#entries.at(-1)?.index ?? this.#snapshot?.index;
  }

  /** Undefined for what isn't in here. */
  term(index: number): number | undefined {
    if (index === this.#snapshot?.index) return this.#snapshot.term;
    return index < this.#offset ? undefined : this.#entries[index - this.#offset]?.term;
  }

  /** Entries from `low` (the offset or later) to below `high`. */
  slice(low: number, high: number): readonly Entry[] {
    return this.#entries.slice(low - this.#offset, high - this.#offset);
  }

  /** Adds entries to the end, or over what was there from the first one's index on. */
  append(entries: readonly Entry[]): void {
    const [first] = entries;
    if (first === undefined) return;
    const kept = first.index > this.#offset ? this.slice(this.#offset, first.index) : [];
    this.#offset = Math.min(this.#offset, first.index);
    this.#entries = [...kept, ...entries];
  }

  restore(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#entries = [];
    this.#offset = snapshot.index + 1;
  }

  /**
   * The log is on disk up to this entry. Nothing happens when the entry has been replaced since it was handed out:
   * what was written is outdated then, and what replaced it is yet to be written.
   */
  stableTo(index: number, term: number): void {
    if (index < this.#offset || this.term(index) !== term) return;
    this.#entries = this.#entries.slice(index + 1 - this.#offset);
    this.#offset = index + 1;
  }

  snapshotStable(index: number): void {
    if (this.#snapshot?.index === index) this.#snapshot = undefined;
  }
}
