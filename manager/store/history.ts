/**
 * What the last entries changed, for watches that go on where an earlier one ended; also one on another manager, since a
 * revision is an index of the log. Bounded by the number of events and by the size of the entries.
 */
import type { StoreEvent } from './watch.ts';

export interface HistoryLimits {
  readonly events: number;
  /** Of the log's entries; what the objects take in memory is some times that. */
  readonly bytes: number;
}

/** Enough for a watch that begins anew within seconds; one that comes later reads all again. */
export const DEFAULT_HISTORY_LIMITS: HistoryLimits = { events: 1024, bytes: 1024 * 1024 };

interface Transaction {
  readonly revision: number;
  readonly events: readonly StoreEvent[];
  readonly bytes: number;
}

export class History {
  readonly #limits: HistoryLimits;
  /** By revision; those before `#first` are forgotten. */
  #transactions: Transaction[] = [];
  #first = 0;
  #events = 0;
  #bytes = 0;
  /** What came up to here isn't known any more. */
  #forgotten = 0;

  constructor(limits: HistoryLimits) {
    this.#limits = limits;
  }

  add(revision: number, events: readonly StoreEvent[], bytes: number): void {
    this.#transactions.push({ revision, events, bytes });
    this.#events += events.length;
    this.#bytes += bytes;
    while (this.#events > this.#limits.events || this.#bytes > this.#limits.bytes) this.#forgetOldest();
  }

  /** The state was replaced by that of this revision: how it came about isn't known. */
  begin(revision: number): void {
    this.#transactions = [];
    this.#first = 0;
    this.#events = 0;
    this.#bytes = 0;
    this.#forgotten = revision;
  }

  /** What has changed since this revision; undefined when that isn't known any more. */
  after(revision: number): readonly StoreEvent[] | undefined {
    if (revision < this.#forgotten) return undefined;
    let first = this.#transactions.length;
    while (first > this.#first && (this.#transactions[first - 1]?.revision ?? 0) > revision) first -= 1;
    return this.#transactions.slice(first).flatMap(({ events }) => events);
  }

  #forgetOldest(): void {
    const oldest = this.#transactions[this.#first];
    if (oldest === undefined) return;
    this.#first += 1;
    this.#events -= oldest.events.length;
    this.#bytes -= oldest.bytes;
    this.#forgotten = oldest.revision;
    if (this.#first * 2 < this.#transactions.length) return;
    this.#transactions = this.#transactions.slice(this.#first);
    this.#first = 0;
  }
}
