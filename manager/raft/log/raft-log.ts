/** The log as Raft sees it: what is on disk, what isn't yet, how far it is committed, and how far applied. */
import assert from 'node:assert/strict';
import type { Entry, Snapshot } from '../message.ts';
import { type LogStorage, limitBytes } from './log-storage.ts';
import { Unstable } from './unstable.ts';

export class RaftLog {
  readonly #storage: LogStorage;
  readonly #unstable: Unstable;
  #committed: number;
  #applied: number;

  /** `applied`: index of the last entry that the state machine has; what is committed after it is handed out again. */
  constructor(storage: LogStorage, committed: number, applied: number) {
    assert(committed <= storage.lastIndex(), `committed index ${committed} is beyond the log's end`);
    this.#storage = storage;
    this.#unstable = new Unstable(storage.lastIndex() + 1);
    this.#committed = Math.max(committed, applied);
    this.#applied = applied;
  }

  get committed(): number {
    return this.#committed;
  }

  get applied(): number {
    return this.#applied;
  }

  get unstableEntries(): readonly Entry[] {
    return this.#unstable.entries;
  }

  /** A snapshot that came from the leader and isn't on disk yet. */
  get pendingSnapshot(): Snapshot | undefined {
    return this.#unstable.snapshot;
  }

  firstIndex(): number {
    const pending = this.#unstable.snapshot;
    return pending === undefined ? this.#storage.firstIndex() : pending.index + 1;
  }

  lastIndex(): number {
    return this.#unstable.lastIndex() ?? this.#storage.lastIndex();
  }

  lastTerm(): number {
    const term = this.term(this.lastIndex());
    assert(term !== undefined, 'the last entry has no term');
    return term;
  }

  /** Undefined for an entry that was compacted or doesn't exist. */
  term(index: number): number | undefined {
    if (index < this.firstIndex() - 1 || index > this.lastIndex()) return undefined;
    return this.#unstable.term(index) ?? this.#storage.term(index);
  }

  matches(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** Entries from `low` on, as many as fit in `maxBytes`, at least one when there is one; undefined when `low` was compacted. */
  entriesFrom(low: number, maxBytes: number): readonly Entry[] | undefined {
    if (low < this.firstIndex()) return undefined;
    return this.#slice(low, this.lastIndex() + 1, maxBytes);
  }

  /** Entries that the state machine may have now. None while a snapshot waits that replaces them. */
  nextCommitted(maxBytes: number): readonly Entry[] {
    if (this.pendingSnapshot !== undefined) return [];
    return this.#slice(this.#applied + 1, this.#committed + 1, maxBytes);
  }

  /** The snapshot to send to a follower that is too far behind. */
  snapshot(): Snapshot | undefined {
    return this.#unstable.snapshot ?? this.#storage.snapshot();
  }

  /** Whether a log that ends like this has all that this one has: section 5.4.1 of the paper. */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    const ownTerm = this.lastTerm();
    return lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= this.lastIndex());
  }

  /** Adds entries of this node's own term. */
  append(entries: readonly Entry[]): void {
    this.#unstable.append(entries);
  }

  /**
   * Takes over a leader's entries when they fit to what is here, and returns the index of the last of them; undefined
   * when they don't fit. What conflicts with them is dropped: section 5.3.
   */
  appendAfter(previousIndex: number, previousTerm: number, entries: readonly Entry[]): number | undefined {
    if (!this.matches(previousIndex, previousTerm)) return undefined;
    const conflict = entries.findIndex(({ index, term }) => !this.matches(index, term));
    if (conflict >= 0) {
      const added = entries.slice(conflict);
      assert((added[0]?.index ?? 0) > this.#committed, 'a leader wants to replace a committed entry');
      this.#unstable.append(added);
    }
    return previousIndex + entries.length;
  }

  /**
   * The last index up to `index` whose term is at most `term`, with the term it has: where two logs may still agree.
   * The term is 0 when it isn't known.
   */
  findAtMostTerm(index: number, term: number): { readonly index: number; readonly term: number } {
    for (let at = index; at > 0; at -= 1) {
      const own = this.term(at);
      if (own === undefined) return { index: at, term: 0 };
      if (own <= term) return { index: at, term: own };
    }
    return { index: 0, term: 0 };
  }

  /** Never moves back. */
  commitTo(index: number): void {
    if (index <= this.#committed) return;
    assert(index <= this.lastIndex(), `commit index ${index} is beyond the log's end at ${this.lastIndex()}`);
    this.#committed = index;
  }

  appliedTo(index: number): void {
    assert(index >= this.#applied && index <= this.#committed, `applied index ${index} is out of range`);
    this.#applied = index;
  }

  stableTo(index: number, term: number): void {
    this.#unstable.stableTo(index, term);
  }

  snapshotStable(index: number): void {
    this.#unstable.snapshotStable(index);
  }

  /** Begins anew from a leader's snapshot. */
  restore(snapshot: Snapshot): void {
    this.#committed = snapshot.index;
    this.#unstable.restore(snapshot);
  }

  #slice(low: number, high: number, maxBytes: number): readonly Entry[] {
    if (low >= high) return [];
    const { offset } = this.#unstable;
    const stableHigh = Math.min(high, offset);
    const stable = low < offset ? this.#storage.entries(low, stableHigh, maxBytes) : [];
    // Cut short by the limit: what follows doesn't follow directly.
    if (low < offset && stable.length < stableHigh - low) return stable;
    const unstable = high > offset ? this.#unstable.slice(Math.max(low, offset), high) : [];
    return limitBytes([...stable, ...unstable], maxBytes);
  }
}
