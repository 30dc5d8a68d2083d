/** The log as Raft sees it: what is on disk, what isn't yet, how far it is committed, and how far applied. */
import assert from 'node:assert/strict';
import type { Entry, Snapshot } from '../message.ts';
import { totalEntryBytes } from './entry-size.ts';
import { type LogStorage, sliceWithin } from './log-storage.ts';
import { Unstable } from './unstable.ts';

export class RaftLog {
  readonly #storage: LogStorage;
  readonly #unstable: Unstable;
  readonly #maxBytesApplying: number;
  #committed: number;
  /** Handed out to be applied up to here; at least `applied`, at most `committed`. */
  #applying: number;
  #applied: number;
  /** Of what is handed out and not applied. */
  #bytesApplying = 0;
  /** Nothing more is handed out before some of it is applied. */
  #applyingPaused: boolean = false;

  /** `applied`: index of the last entry that the state machine has; what is committed after it is handed out again. */
  constructor(storage: LogStorage, committed: number, applied: number, maxBytesApplying: number) {
    const compacted = storage.firstIndex() - 1;
    this.#storage = storage;
    this.#unstable = new Unstable(storage.lastIndex() + 1);
    this.#maxBytesApplying = maxBytesApplying;
    this.#applied = Math.max(applied, compacted);
    this.#applying = this.#applied;
    // A commit index that moved alone need not have reached the disk; what was applied was committed.
    this.#committed = Math.max(committed, this.#applied);
    assert(this.#committed <= storage.lastIndex(), `committed index ${this.#committed} is beyond the log's end`);
  }

  get committed(): number {
    return this.#committed;
  }

  get applied(): number {
    return this.#applied;
  }

  /** A snapshot that came from the leader and isn't on disk yet. */
  get pendingSnapshot(): Snapshot | undefined {
    return this.#unstable.snapshot;
  }

  get snapshotToWrite(): Snapshot | undefined {
    return this.#unstable.snapshotToWrite;
  }

  get hasEntriesToWrite(): boolean {
    return this.#unstable.hasEntriesToWrite;
  }

  /** Whether any entry isn't on disk yet, being written or not. */
  get hasUnstableEntries(): boolean {
    return this.#unstable.size > 0;
  }

  entriesToWrite(): readonly Entry[] {
    return this.#unstable.entriesToWrite();
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
    const unstable = this.#unstable.term(index);
    if (unstable !== undefined) return unstable;
    if (index < this.firstIndex() - 1 || index > this.lastIndex()) return undefined;
    return this.#storage.term(index);
  }

  /** 0 where the last committed entry is older than anything that is known of. */
  committedTerm(): number {
    return this.term(this.#committed) ?? 0;
  }

  matches(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** Entries from `low` on, as many as fit in `maxBytes`, at least one when there is one; undefined when `low` was compacted. */
  entriesFrom(low: number, maxBytes: number): readonly Entry[] | undefined {
    if (low < this.firstIndex()) return undefined;
    return this.#slice(low, this.lastIndex() + 1, maxBytes);
  }

  /** Whether there is anything that the state machine may have now. `unstableToo`: also what isn't on disk here. */
  hasNextCommitted(unstableToo: boolean): boolean {
    if (this.#applyingPaused || this.pendingSnapshot !== undefined) return false;
    return this.#applying < this.#appliableTo(unstableToo);
  }

  /** Entries that the state machine may have now. None while a snapshot waits that replaces them. */
  nextCommitted(unstableToo: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(unstableToo)) return [];
    const maxBytes = this.#maxBytesApplying - this.#bytesApplying;
    return this.#slice(this.#applying + 1, this.#appliableTo(unstableToo) + 1, maxBytes);
  }

  /** Whether any of the entries after `after` up to `last` is of this kind. Reads them a part at a time. */
  contains(kind: Entry['kind'], after: number, last: number): boolean {
    for (let low = after + 1; low <= last; ) {
      const entries = this.#slice(low, last + 1, this.#maxBytesApplying);
      if (entries.some((entry) => entry.kind === kind)) return true;
      low += entries.length;
    }
    return false;
  }

  /** What entriesToWrite, snapshotToWrite and nextCommitted gave is being written and applied. */
  handOut(committed: readonly Entry[], unstableToo: boolean): void {
    this.#unstable.handOut();
    const last = committed.at(-1);
    if (last === undefined) return;
    this.#applying = last.index;
    this.#bytesApplying += totalEntryBytes(committed);
    // Also when less was handed out than there is: the next entry doesn't fit.
    this.#applyingPaused =
      this.#bytesApplying >= this.#maxBytesApplying || this.#applying < this.#appliableTo(unstableToo);
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
      const added = conflict === 0 ? entries : entries.slice(conflict);
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

  /** `entries` are the last ones that were applied; none after a snapshot. */
  appliedTo(index: number, entries: readonly Entry[]): void {
    assert(index >= this.#applied && index <= this.#committed, `applied index ${index} is out of range`);
    this.#applied = index;
    this.#applying = Math.max(this.#applying, index);
    this.#bytesApplying = Math.max(0, this.#bytesApplying - totalEntryBytes(entries));
    this.#applyingPaused = this.#bytesApplying >= this.#maxBytesApplying;
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

  #appliableTo(unstableToo: boolean): number {
    return unstableToo ? this.#committed : Math.min(this.#committed, this.#unstable.offset - 1);
  }

  #slice(low: number, high: number, maxBytes: number): readonly Entry[] {
    if (low >= high) return [];
    const { offset, entries } = this.#unstable;
    if (low >= offset) return sliceWithin(entries, low - offset, high - offset, maxBytes);
    const stableHigh = Math.min(high, offset);
    const stable = this.#storage.entries(low, stableHigh, maxBytes);
    // Cut short by the limit: what follows doesn't follow directly.
    if (high <= offset || stable.length < stableHigh - low) return stable;
    const left = maxBytes - totalEntryBytes(stable);
    if (left <= 0) return stable;
    return [...stable, ...withinOrNone(sliceWithin(entries, 0, high - offset, left), left)];
  }
}

/** Without the one entry that is allowed to be larger where it would be the first. */
function withinOrNone(entries: readonly Entry[], maxBytes: number): readonly Entry[] {
  return entries.length === 1 && totalEntryBytes(entries) > maxBytes ? [] : entries;
}
