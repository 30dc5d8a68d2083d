/** A log in memory: what the core reads, beside the durable one that is only read at start; in simulations all there is. */
import assert from 'node:assert/strict';
import {
  type Configuration,
  type Entry,
  type HardState,
  NO_CONFIGURATION,
  NO_PEER,
  type Snapshot,
} from '../message.ts';
import { type LogStorage, sliceWithin } from './log-storage.ts';

export class MemoryStorage implements LogStorage {
  #hardState: HardState = { term: 0, vote: NO_PEER, commit: 0 };
  #snapshot: Snapshot | undefined;
  /** Of what is compacted: index and term. */
  #compacted = { index: 0, term: 0 };
  #entries: Entry[] = [];

  initialState(): { readonly hardState: HardState; readonly configuration: Configuration } {
    return { hardState: this.#hardState, configuration: this.#snapshot?.configuration ?? NO_CONFIGURATION };
  }

  firstIndex(): number {
    return this.#compacted.index + 1;
  }

  lastIndex(): number {
    return this.#compacted.index + this.#entries.length;
  }

  term(index: number): number | undefined {
    if (index === this.#compacted.index) return this.#compacted.term;
    return this.#entries[index - this.firstIndex()]?.term;
  }

  entries(low: number, high: number, maxBytes: number): readonly Entry[] {
    return sliceWithin(this.#entries, low - this.firstIndex(), high - this.firstIndex(), maxBytes);
  }

  snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /** Puts the entries in, over whatever was there from the first one's index on. What is compacted already is left out. */
  append(entries: readonly Entry[]): void {
    const added = entries.filter(({ index }) => index > this.#compacted.index);
    const [first] = added;
    if (first === undefined) return;
    assert(first.index <= this.lastIndex() + 1, `entries are missing between ${this.lastIndex()} and ${first.index}`);
    this.#entries.length = first.index - this.firstIndex();
    for (const entry of added) this.#entries.push(entry);
  }

  /** Makes the snapshot the one to be sent; the log stays as it is. */
  setSnapshot(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
  }

  /**
   * Begins as a log was left on disk: `compacted` is the last entry that is gone, and `entries` are all after it. They may
   * begin before the snapshot's own index: a tail is kept for followers that are a little behind.
   */
  load(
    snapshot: Snapshot,
    compacted: { readonly index: number; readonly term: number },
    entries: readonly Entry[],
  ): void {
    this.#snapshot = snapshot;
    this.#compacted = { index: compacted.index, term: compacted.term };
    this.#entries = [...entries];
  }

  /** Replaces the whole log by a snapshot. */
  applySnapshot(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#compacted = { index: snapshot.index, term: snapshot.term };
    this.#entries = [];
  }

  /** Forgets the entries up to and including `index`. */
  compact(index: number): void {
    const term = this.term(index);
    if (term === undefined) return;
    this.#entries = this.#entries.slice(index - this.#compacted.index);
    this.#compacted = { index, term };
  }
}
