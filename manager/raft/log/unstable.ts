/**
 * The end of the log that isn't on disk yet, and a snapshot that isn't either. Both are handed out once, to be written,
 * and kept until they are known to be written: till then the storage can't be asked for them.
 */
import type { Entry, Snapshot } from '../message.ts';

export class Unstable {
  #snapshot: Snapshot | undefined;
  #snapshotInProgress: boolean = false;
  /** Never changed where others may hold a part of it: slices are copies. */
  #entries: Entry[] = [];
  /** Index that the first entry has, or will have. */
  #offset: number;
  /** Index of the first entry that hasn't been handed out. */
  #nextToWrite: number;

  constructor(offset: number) {
    this.#offset = offset;
    this.#nextToWrite = offset;
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  get snapshotToWrite(): Snapshot | undefined {
    return this.#snapshotInProgress ? undefined : this.#snapshot;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Entries that aren't on disk, being written or not. */
  get size(): number {
    return this.#entries.length;
  }

  get hasEntriesToWrite(): boolean {
    return this.#nextToWrite < this.#offset + this.#entries.length;
  }

  entriesToWrite(): readonly Entry[] {
    return this.hasEntriesToWrite ? this.#entries.slice(this.#nextToWrite - this.#offset) : [];
  }

  /** Undefined when there is neither an entry nor a snapshot. */
  lastIndex(): number | undefined {
    return this.#entries.length > 0 ? this.#offset + this.#entries.length - 1 : this.#snapshot?.index;
  }

  /** Undefined for what isn't in here. */
  term(index: number): number | undefined {
    if (index === this.#snapshot?.index) return this.#snapshot.term;
    return index < this.#offset ? undefined : this.#entries[index - this.#offset]?.term;
  }

  /** All of them; whoever gets it must copy what it keeps. The first one's index is the offset. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** Adds entries to the end, or over what was there from the first one's index on. */
  append(entries: readonly Entry[]): void {
    const [first] = entries;
    if (first === undefined) return;
    if (first.index <= this.#offset) {
      this.#offset = first.index;
      this.#entries = [];
    } else {
      this.#entries.length = first.index - this.#offset;
    }
    this.#nextToWrite = Math.min(this.#nextToWrite, first.index);
    for (const entry of entries) this.#entries.push(entry);
  }

  restore(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#snapshotInProgress = false;
    this.#entries = [];
    this.#offset = snapshot.index + 1;
    this.#nextToWrite = this.#offset;
  }

  /** What there is to write is being written from now on. */
  handOut(): void {
    this.#nextToWrite = this.#offset + this.#entries.length;
    this.#snapshotInProgress = this.#snapshot !== undefined;
  }

  /**
   * The log is on disk up to this entry, and nothing that is being written will replace it. Nothing happens when the
   * entry has been replaced since it was handed out: what was written is outdated then, and what replaced it is yet to
   * be written.
   */
  stableTo(index: number, term: number): void {
    if (index < this.#offset || this.term(index) !== term) return;
    this.#entries = this.#entries.slice(index + 1 - this.#offset);
    this.#offset = index + 1;
    this.#nextToWrite = Math.max(this.#nextToWrite, this.#offset);
  }

  snapshotStable(index: number): void {
    if (this.#snapshot?.index !== index) return;
    this.#snapshot = undefined;
    this.#snapshotInProgress = false;
  }
}
