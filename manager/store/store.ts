/**
 * The only place where the parts of a manager meet: `view`, `update`, `watch`.
 *
 * Updates are committed in groups: while one entry is on its way to disk, further updates wait, and then go
 * together as the next. Within a group each update sees what the ones before it did, so that on one leader updates
 * happen one after another; an entry can only be refused when another leader came in between.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GantryError } from '../../proto/errors.ts';
import { type StoreAction, StoreTransaction } from '../../proto/generated/gantry/v1/store.ts';
import type { Clock } from '../clock.ts';
import type { ReplicatedLog } from '../replication/replicated-log.ts';
import type { ClusterObject } from './cluster.ts';
import type { StoreState } from './state.ts';
import type { ReadTransaction } from './tables.ts';
import { theCluster } from './the-cluster.ts';
import { TransactionBatch, type WriteTransaction } from './transaction.ts';
import type { Watch, WatchFilter } from './watch.ts';

/** How often an update is tried before it is given up as CONFLICT. */
const MAX_ATTEMPTS = 5;
/** Updates in one log entry: bounds its size, and how long the first waits for the last. */
const MAX_GROUP = 256;
/** An entry that changes so many objects, or took so long to put together, takes no more updates. */
const MAX_OBJECTS = 1000;
const MAX_GROUP_MS = 10;

interface PendingUpdate {
  attempts: number;
  /** Runs the update in the batch; keeps its result or error for `settle`. */
  run(batch: TransactionBatch): void;
  settle(): void;
  fail(error: unknown): void;
}

/** The whole state at one index of the log. */
export interface StoreCopy {
  readonly index: number;
  readonly term: number;
  readonly cluster: ClusterObject;
  /** For StateMachine.restore. */
  readonly data: Uint8Array;
}

export class Store {
  readonly #state: StoreState;
  readonly #log: ReplicatedLog;
  readonly #clock: Clock;
  #pending: PendingUpdate[] = [];
  #committing: boolean = false;

  constructor(state: StoreState, log: ReplicatedLog, clock: Clock) {
    this.#state = state;
    this.#log = log;
    this.#clock = clock;
  }

  /** Reads one state: `read` must not be async, and objects it returns are never changed. */
  view<R>(read: (tx: ReadTransaction) => R): R {
    return read(this.#state.committed);
  }

  /**
   * Changes the state atomically. `change` must be synchronous and take what it changes from `tx`; it may run more
   * than once. Resolves once the change is on disk and applied; when `change` throws, nothing of it happens.
   * Rejects with what it threw, with UNAVAILABLE when this node doesn't lead, or with CONFLICT.
   */
  update<R>(change: (tx: WriteTransaction) => R): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      let outcome: { readonly result: R } | { readonly error: unknown };
      this.#pending.push({
        attempts: 0,
        run: (batch) => {
          try {
            outcome = { result: batch.run(change) };
          } catch (error) {
            outcome = { error };
          }
        },
        settle: () => {
          if ('error' in outcome) reject(outcome.error);
          else resolve(outcome.result);
        },
        fail: reject,
      });
      // Not at once: updates made in the same turn of the event loop become one entry.
      if (!this.#committing) {
        this.#committing = true;
        queueMicrotask(() => void this.#commitAll());
      }
    });
  }

  /** All that was acknowledged before the call, as a snapshot. UNAVAILABLE when no majority of the managers answers. */
  async copy(): Promise<StoreCopy> {
    await this.#log.readBarrier();
    // Of one moment: from here to the snapshot's begin nothing is awaited.
    const [index, { term }] = [this.#log.appliedIndex, this.#log.leadership()];
    const cluster = theCluster(this.#state.committed);
    return { index, term, cluster, data: await this.#state.snapshot() };
  }

  /** Index of the last log entry that is in what `view` shows. The same on every manager. */
  get revision(): number {
    return this.#log.appliedIndex;
  }

  /** Events from now on, or from a revision; what was before, `view` shows when called without an await in between. */
  watch(filter: WatchFilter): Watch {
    const watch = this.#state.watch(filter);
    // Of another history than this one: that of a cluster which was restored from a backup since.
    if ((filter.fromRevision ?? 0) > this.revision) watch.lose();
    return watch;
  }

  async #commitAll(): Promise<void> {
    while (this.#pending.length > 0) {
      const { group, actions } = this.#takeGroup();
      try {
        await this.#commit(group, actions);
      } catch (error) {
        for (const update of group) update.fail(error);
      }
      // Updates that change nothing would else keep everybody else from their work.
      if (this.#pending.length > 0) await nextTurn();
    }
    this.#committing = false;
  }

  /** Runs as many of the pending updates as go into one entry. */
  #takeGroup(): { readonly group: readonly PendingUpdate[]; readonly actions: StoreAction[] } {
    return this.#state.tentatively((tables) => {
      const beginMs = this.#clock.now();
      const batch = new TransactionBatch(tables, beginMs);
      let taken = 0;
      for (const update of this.#pending.slice(0, MAX_GROUP)) {
        update.run(batch);
        taken += 1;
        if (batch.size >= MAX_OBJECTS || this.#clock.now() - beginMs >= MAX_GROUP_MS) break;
      }
      return { group: this.#pending.splice(0, taken), actions: batch.actions };
    });
  }

  async #commit(group: readonly PendingUpdate[], actions: StoreAction[]): Promise<void> {
    if (actions.length === 0) {
      for (const update of group) update.settle();
      return;
    }
    const index = await this.#log.propose(StoreTransaction.encode({ actions }).finish());
    const rejection = this.#state.rejection(index);
    if (rejection === undefined) for (const update of group) update.settle();
    else this.#tryAgain(group, rejection);
  }

  /** Before those that came later: the order of updates is kept. */
  #tryAgain(group: readonly PendingUpdate[], rejection: string): void {
    for (const update of group) update.attempts += 1;
    const [spent, others] = [
      group.filter((update) => update.attempts >= MAX_ATTEMPTS),
      group.filter((update) => update.attempts < MAX_ATTEMPTS),
    ];
    this.#pending.unshift(...others);
    for (const update of spent) {
      update.fail(new GantryError('CONFLICT', `the cluster's state changed during the update: ${rejection}`));
    }
  }
}
