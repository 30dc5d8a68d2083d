/**
 * What a leader knows of one follower's log, and how it sends to it: probing (one message at a time, until it is known
 * where the logs agree), replicating (many at a time, on trust), or waiting for a snapshot to be installed.
 */
import { Inflights } from './inflights.ts';

export type ProgressState = 'probe' | 'replicate' | 'snapshot';

export interface InflightLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

export class Progress {
  #state: ProgressState = 'probe';
  /** The follower's log is the leader's up to here. */
  #match: number;
  /** Index of the next entry to send. */
  #next: number;
  /** No more entries until the follower answers or a heartbeat comes back. */
  #paused: boolean = false;
  #pendingSnapshot = 0;
  /** The commit index that the follower has been told of, as far as it can use it. */
  #sentCommit = 0;
  readonly #inflights: Inflights;
  /** Has answered since the leader last asked who is still there. */
  recentlyActive: boolean = false;
  /** Gets the log, but doesn't count. */
  learner: boolean = false;

  constructor(match: number, next: number, { maxMessages, maxBytes }: InflightLimits) {
    this.#match = match;
    this.#next = next;
    this.#inflights = new Inflights(maxMessages, maxBytes);
  }

  get state(): ProgressState {
    return this.#state;
  }

  get match(): number {
    return this.#match;
  }

  get next(): number {
    return this.#next;
  }

  get pendingSnapshot(): number {
    return this.#pendingSnapshot;
  }

  /** Messages with entries on their way. */
  get inflight(): number {
    return this.#inflights.count;
  }

  get inflightFull(): boolean {
    return this.#inflights.full;
  }

  get paused(): boolean {
    return this.#state === 'snapshot' || this.#paused;
  }

  /** No more entries on trust until some arrive. */
  get full(): boolean {
    return this.#state === 'replicate' && this.#inflights.full;
  }

  becomeProbe(): void {
    // After a snapshot the follower has at least that.
    const known = this.#state === 'snapshot' ? Math.max(this.#match, this.#pendingSnapshot) : this.#match;
    this.#enter('probe', known + 1);
    this.#sentCommit = Math.min(this.#sentCommit, known);
  }

  becomeReplicate(): void {
    this.#enter('replicate', this.#match + 1);
  }

  becomeSnapshot(index: number): void {
    this.#enter('snapshot', index + 1);
    this.#pendingSnapshot = index;
    this.#sentCommit = index;
  }

  /** A message with so many entries was sent. */
  sent(entries: number, bytes: number): void {
    if (this.#state === 'probe') {
      if (entries > 0) this.#paused = true;
      return;
    }
    if (entries > 0) {
      this.#next += entries;
      this.#inflights.add(this.#next - 1, bytes);
    }
    this.#paused = this.full;
  }

  sentCommit(index: number): void {
    this.#sentCommit = index;
  }

  /** Whether telling the follower of this commit index is news that it can use. */
  wantsCommit(index: number): boolean {
    return index > this.#sentCommit && this.#sentCommit < this.#next - 1;
  }

  /** The follower has confirmed its log up to `index`; false when that was known. */
  confirm(index: number): boolean {
    if (index <= this.#match) return false;
    this.#match = index;
    this.#next = Math.max(this.#next, index + 1);
    this.#paused = false;
    return true;
  }

  /**
   * The follower has rejected a message whose entries followed `rejected`; `hint` is where the logs may agree. False
   * when the answer is outdated.
   */
  retreat(rejected: number, hint: number): boolean {
    if (this.#state === 'replicate') {
      if (rejected <= this.#match) return false;
      this.#next = this.#match + 1;
    } else {
      if (this.#next - 1 !== rejected) return false;
      this.#next = Math.max(Math.min(rejected, hint + 1), this.#match + 1);
      this.#paused = false;
    }
    this.#sentCommit = Math.min(this.#sentCommit, this.#next - 1);
    return true;
  }

  /** The messages up to `index` have arrived. */
  freeInflight(index: number): void {
    this.#inflights.freeTo(index);
  }

  resume(): void {
    this.#paused = false;
  }

  /** Only a heartbeat's answer makes the leader send again. */
  pause(): void {
    this.#paused = true;
  }

  forgetSnapshot(): void {
    this.#pendingSnapshot = 0;
  }

  #enter(state: ProgressState, next: number): void {
    this.#state = state;
    this.#next = next;
    this.#paused = false;
    this.#pendingSnapshot = 0;
    this.#inflights.reset();
  }
}
