/**
 * What a node does with each Ready, in the order that the core demands of its driver: persist, send, apply, advance.
 * While one is being persisted, messages and ticks go on reaching the core.
 */
import type { Message, PeerId } from '../../manager/raft/message.ts';
import type { RawNode, Ready } from '../../manager/raft/raw-node.ts';
import type { Transaction } from './disk.ts';
import type { DiskQueue } from './disk-queue.ts';
import type { SimulatedMs } from './scheduler.ts';

/** What a driver works for. */
export interface Driven {
  readonly id: PeerId;
  readonly raw: RawNode;
  readonly queue: DiskQueue;
  /** The Ready has been taken; nothing has been done with it. */
  took(ready: Ready): void;
  send(messages: readonly Message[]): void;
  /** The core has done something. */
  observe(): void;
  /** Runs the action after so many milliseconds, if the process still runs then. */
  later(delay: SimulatedMs, action: () => void): void;
  persisted(transaction: Transaction): void;
  apply(ready: Pick<Ready, 'snapshot' | 'committedEntries'>): void;
}

export interface Driver {
  /** Something may have happened to the core. */
  wake(): void;
}

/** What a leader may send before its own disk has the entries (section 10.2.1 of the thesis). */
const EARLY: ReadonlySet<Message['type']> = new Set(['append', 'heartbeat']);

export class SynchronousDriver implements Driver {
  readonly #driven: Driven;
  readonly #applyDelay: () => SimulatedMs;
  readonly #early: ReadonlySet<Message['type']>;
  #busy: boolean = false;

  /**
   * `applyDelay`: how long it takes to apply what is to be applied next. `sendsEarly`: as a driver does that lets
   * followers write to disk while it does itself.
   */
  constructor(driven: Driven, applyDelay: () => SimulatedMs, sendsEarly: boolean) {
    this.#driven = driven;
    this.#applyDelay = applyDelay;
    this.#early = sendsEarly ? EARLY : new Set();
  }

  wake(): void {
    while (!this.#busy && this.#driven.raw.hasReady()) {
      this.#busy = true;
      const ready = this.#driven.raw.ready();
      this.#driven.took(ready);
      this.#persist(ready);
    }
  }

  #persist(ready: Ready): void {
    const { raw, queue } = this.#driven;
    const { hardState, snapshot: installed, entries, messages, mustSync } = ready;
    this.#driven.send(messages.filter(({ type }) => this.#early.has(type)));
    // With whatever is written goes the hard state as it is then.
    const state = hardState ?? (mustSync ? raw.hardState : undefined);
    const transaction = { hardState: state, installed, entries, taken: undefined };
    const nothing = state === undefined && installed === undefined && entries.length === 0;
    if (nothing) this.#send(ready, transaction);
    else queue.submit(transaction, mustSync || installed !== undefined, () => this.#send(ready, transaction));
  }

  #send(ready: Ready, transaction: Transaction): void {
    this.#driven.persisted(transaction);
    this.#driven.send(ready.messages.filter(({ type }) => !this.#early.has(type)));
    const toApply = ready.snapshot !== undefined || ready.committedEntries.length > 0;
    const delay = toApply ? this.#applyDelay() : 0;
    if (delay === 0) this.#apply(ready);
    else this.#driven.later(delay, () => this.#apply(ready));
  }

  #apply(ready: Ready): void {
    this.#driven.apply(ready);
    this.#driven.raw.advance();
    this.#driven.observe();
    this.#busy = false;
    this.wake();
  }
}
