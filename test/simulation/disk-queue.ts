/**
 * Writes and syncs in the order in which they are asked for, as a database's writing thread does it: all that comes while
 * one sync goes on shares the next.
 */
import type { Disk, Transaction } from './disk.ts';
import type { Random } from './prng.ts';
import type { Scheduler, SimulatedMs } from './scheduler.ts';

interface Pending {
  readonly position: number;
  readonly mustSync: boolean;
  readonly done: () => void;
}

export class DiskQueue {
  readonly #disk: Disk;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #syncMs: () => SimulatedMs;
  readonly #run: (done: () => void) => void;
  readonly #pending: Pending[] = [];
  #syncing: boolean = false;
  #closed: boolean = false;

  /** `syncMs`: the longest that a sync takes at present. `run`: tells the process that a sync has ended. */
  constructor(
    disk: Disk,
    scheduler: Scheduler,
    random: Random,
    syncMs: () => SimulatedMs,
    run: (done: () => void) => void,
  ) {
    this.#disk = disk;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#syncMs = syncMs;
    this.#run = run;
  }

  /** Calls `done` once this and everything before it is written, and on the platter when `mustSync`; at once if it can. */
  submit(transaction: Transaction, mustSync: boolean, done: () => void): void {
    this.#disk.write(transaction);
    this.#pending.push({ position: this.#disk.written, mustSync, done });
    this.#proceed();
  }

  /** Its process has ended. */
  close(): void {
    this.#closed = true;
  }

  #proceed(): void {
    while (!this.#syncing && !this.#closed) {
      const [next] = this.#pending;
      if (next === undefined) return;
      if (next.mustSync) {
        this.#sync();
        return;
      }
      this.#pending.shift();
      next.done();
    }
  }

  #sync(): void {
    this.#syncing = true;
    const position = this.#disk.written;
    this.#scheduler.after(this.#random.between(1, this.#syncMs()), () => this.#synced(position));
  }

  #synced(position: number): void {
    if (this.#closed) return;
    this.#disk.syncedTo(position);
    this.#run(() => this.#answer(position));
  }

  #answer(position: number): void {
    if (this.#closed) return;
    while ((this.#pending[0]?.position ?? Number.POSITIVE_INFINITY) <= position) this.#pending.shift()?.done();
    this.#syncing = false;
    this.#proceed();
  }
}
