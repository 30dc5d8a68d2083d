/**
 * One node's disk. What is written lies in a cache until it is synced, and only what is synced is sure to survive a
 * crash: of the rest an arbitrary beginning does, the last record of it perhaps torn. A record's checksum shows that, and
 * the log is cut there, as any log on a real disk has to do it.
 */

import { MemoryStorage } from '../../manager/raft/log/memory-storage.ts';
import type { Entry, HardState, Snapshot } from '../../manager/raft/message.ts';
import { mix } from './counter.ts';
import type { Random } from './prng.ts';

/** What is written together. */
export interface Transaction {
  readonly hardState: HardState | undefined;
  /** A leader's: replaces the whole log. */
  readonly installed: Snapshot | undefined;
  /** Over whatever the log has from the first one's index on. */
  readonly entries: readonly Entry[];
  /** This node's own. */
  readonly taken: TakenSnapshot | undefined;
}

export interface TakenSnapshot {
  readonly snapshot: Snapshot;
  /** The last entry to forget: that of the snapshot, or an earlier one, so that who is a little behind gets entries. */
  readonly compactTo: number;
}

interface Record {
  readonly transaction: Transaction;
  readonly checksum: number;
}

export interface CrashDamage {
  readonly lostRecords: number;
  readonly torn: boolean;
}

export class Disk {
  /** What has reached the platter. */
  readonly #durable = new MemoryStorage();
  #cache: Record[] = [];
  #written = 0;

  /** Records ever written: a position to sync up to. */
  get written(): number {
    return this.#written;
  }

  write(transaction: Transaction): void {
    this.#cache.push({ transaction, checksum: checksumOf(transaction) });
    this.#written += 1;
  }

  /** The first `position` records ever written are on the platter. */
  syncedTo(position: number): void {
    const count = this.#cache.length - (this.#written - position);
    for (const { transaction } of this.#cache.splice(0, Math.max(count, 0)))
      applyTransaction(this.#durable, transaction);
  }

  /** The power fails. */
  crash(random: Random): CrashDamage {
    const kept = random.below(this.#cache.length + 1);
    const lost = this.#cache.splice(kept);
    const [torn] = random.chance(0.5) ? lost : [];
    if (torn !== undefined) this.#cache.push(tear(torn, random));
    const recovered = this.#cache.length;
    for (const { transaction } of this.#intact()) applyTransaction(this.#durable, transaction);
    this.#cache = [];
    return { lostRecords: lost.length, torn: torn !== undefined && recovered > kept };
  }

  /** Reads everything back, as a node does at its start. */
  load(): MemoryStorage {
    const storage = new MemoryStorage();
    const snapshot = this.#durable.snapshot();
    const [first, end] = [this.#durable.firstIndex(), this.#durable.lastIndex() + 1];
    if (snapshot !== undefined) {
      // The log may begin before the snapshot.
      storage.applySnapshot({ ...snapshot, index: first - 1, term: this.#durable.term(first - 1) ?? 0 });
      storage.setSnapshot(snapshot);
    }
    if (first < end) storage.append(this.#durable.entries(first, end, Number.MAX_SAFE_INTEGER));
    storage.setHardState(this.#durable.initialState().hardState);
    return storage;
  }

  /** Whether the entry is on the platter, or a snapshot that replaces it. */
  has(index: number, term: number): boolean {
    return index < this.#durable.firstIndex() || this.#durable.term(index) === term;
  }

  /** The records up to the first one whose checksum doesn't fit. */
  #intact(): Record[] {
    const damaged = this.#cache.findIndex(({ transaction, checksum }) => checksumOf(transaction) !== checksum);
    return damaged < 0 ? this.#cache : this.#cache.slice(0, damaged);
  }
}

/** Also how a process keeps what it reads of its log in step with what it has written. */
export function applyTransaction(storage: MemoryStorage, { hardState, installed, entries, taken }: Transaction): void {
  if (installed !== undefined) storage.applySnapshot(installed);
  storage.append(entries);
  if (hardState !== undefined) storage.setHardState(hardState);
  // Unless one that came from the leader has overtaken it.
  if (taken !== undefined && taken.snapshot.index > (storage.snapshot()?.index ?? 0)) {
    storage.setSnapshot(taken.snapshot);
    storage.compact(taken.compactTo);
  }
}

/** Some of its parts have not arrived. */
function tear({ transaction, checksum }: Record, random: Random): Record {
  const { hardState, installed, entries, taken } = transaction;
  const torn: Transaction = {
    hardState: random.chance(0.5) ? hardState : undefined,
    installed: random.chance(0.5) ? installed : undefined,
    entries: entries.slice(0, random.below(entries.length + 1)),
    taken: random.chance(0.5) ? taken : undefined,
  };
  return { transaction: torn, checksum };
}

function checksumOf({ hardState, installed, entries, taken }: Transaction): number {
  let sum = mix(1, entries.length);
  if (hardState !== undefined) sum = mix(mix(mix(sum, hardState.term), hardState.commit), Number(hardState.vote) + 1);
  if (installed !== undefined) sum = mix(mix(sum, installed.index), installed.term);
  if (taken !== undefined) sum = mix(mix(sum, taken.compactTo), taken.snapshot.index);
  for (const { index, term } of entries) sum = mix(mix(sum, index), term);
  return sum;
}
