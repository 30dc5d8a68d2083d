/** Brings records into the state machine: in order, each once, from whoever has them first, in slices of a few milliseconds. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GantryError, toGantryError } from '../../../proto/errors.ts';
import { Checkpoints, type TakenSnapshot } from '../checkpoints.ts';
import { decodeLogEntry, type SnapshotIdentity } from '../log-entry.ts';
import type { StateMachine } from '../replicated-log.ts';
import type { SnapshotPolicy } from '../snapshot-policy.ts';
import { Conditions } from './conditions.ts';
import { LogGap } from './log-reader.ts';
import { EntryAssembler, type LogEntry, type LogRecord } from './record.ts';
import type { StoredSnapshot } from './snapshots.ts';
import type { Tail } from './tail.ts';

export interface ApplierOptions {
  readonly stateMachine: StateMachine;
  readonly policy: SnapshotPolicy;
  readonly tail: Tail;
  readonly monotonicMs: () => number;
  /** A checkpoint was applied, and this is its snapshot. */
  readonly onCheckpoint: (snapshot: TakenSnapshot) => void;
  /** The state machine has thrown, or its state is another than the leader's. */
  readonly onFailure: (error: GantryError) => void;
}

/** Others get their turn of the event loop after so long. */
const SLICE_MS = 10;

export class Applier {
  readonly #options: ApplierOptions;
  readonly #checkpoints: Checkpoints;
  readonly #conditions = new Conditions();
  #assembler = new EntryAssembler();
  #applied = 0;
  /** The last record that was applied; undefined after a snapshot. */
  #latest: LogRecord | undefined;
  /** What is applied comes one after the other. */
  #last: Promise<void> = Promise.resolve();
  #ended: GantryError | undefined;

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#checkpoints = new Checkpoints(options.stateMachine);
  }

  /** Index of the last record that is in the state. */
  get applied(): number {
    return this.#applied;
  }

  /** An entry that lets every member take a snapshot. */
  checkpoint(): Uint8Array {
    return this.#checkpoints.proposal();
  }

  /**
   * Those that have been applied already are passed over. Throws LogGap when one is missing, and CORRUPT when there is
   * another in the place of the last one that was applied: an etcd that has gone back, and on from there.
   */
  apply(records: readonly LogRecord[]): Promise<void> {
    return this.#enqueue(() => this.#apply(records));
  }

  /** Nothing when the state is past it already. */
  restore({ index, data }: StoredSnapshot): Promise<void> {
    return this.#enqueue(async () => {
      if (index <= this.#applied) return;
      await this.#checkpoints.restored(index, data);
      await this.#options.stateMachine.restore(index, data);
      this.#options.policy.begun();
      this.#options.policy.taken(data.byteLength);
      this.#assembler = new EntryAssembler();
      this.#latest = undefined;
      this.#reached(index);
    });
  }

  /** Resolves when everything up to this index is applied. Without a limit it waits; with one, UNAVAILABLE after it. */
  reached(index: number, timeoutMs?: number): Promise<void> {
    const explain = () =>
      new GantryError('UNAVAILABLE', `this manager has applied entry ${this.#applied}, and still not ${index}`, {
        hint: 'it is catching up; try again',
      });
    const patience = timeoutMs === undefined ? undefined : { timeoutMs, explain };
    return this.#conditions.until(() => index <= this.#applied, patience);
  }

  /** Whoever waits for an index is rejected; nothing more is applied. */
  end(error: GantryError): void {
    this.#ended ??= error;
    this.#conditions.end(error);
  }

  #enqueue(action: () => Promise<void>): Promise<void> {
    const done = this.#last.then(async () => {
      if (this.#ended !== undefined) throw this.#ended;
      try {
        await action();
      } catch (error) {
        // The state is of no use any more, unless it was only that something was missing.
        if (!(error instanceof LogGap)) this.#fail(error);
        throw error;
      }
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  #fail(error: unknown): void {
    if (this.#ended !== undefined) return;
    this.end(toGantryError(error));
    this.#options.onFailure(toGantryError(error));
  }

  async #apply(records: readonly LogRecord[]): Promise<void> {
    const { monotonicMs } = this.#options;
    let sliceEndsMs = monotonicMs() + SLICE_MS;
    for (const record of records) {
      if (this.#ended !== undefined) throw this.#ended;
      this.#applyRecord(record);
      if (monotonicMs() < sliceEndsMs) continue;
      await nextTurn();
      sliceEndsMs = monotonicMs() + SLICE_MS;
    }
  }

  #applyRecord(record: LogRecord): void {
    const { index, data } = record;
    if (index <= this.#applied) {
      this.#compare(record);
      return;
    }
    if (index !== this.#applied + 1) throw new LogGap(`record ${this.#applied + 1} is missing`);
    const entry = this.#assembler.add(record);
    if (entry !== undefined) this.#applyEntry(entry);
    this.#options.tail.add(index, data.byteLength);
    this.#latest = record;
    this.#reached(index);
  }

  #compare({ index, term, data }: LogRecord): void {
    const own = this.#latest;
    if (own === undefined || own.index !== index) return;
    if (own.term === term && Buffer.compare(own.data, data) === 0) return;
    throw new GantryError('CORRUPT', `entry ${index} of the replicated log is another than this manager has seen`, {
      hint: 'if etcd was restored from a backup on purpose, let all managers start again: they begin from what it has',
    });
  }

  #applyEntry({ index, data }: LogEntry): void {
    const { stateMachine, policy } = this.#options;
    const entry = decodeLogEntry(index, data);
    policy.applied(data.byteLength);
    if (entry.kind === 'change') stateMachine.apply(index, entry.data);
    else this.#takeSnapshot(index, entry.previous);
  }

  #takeSnapshot(index: number, previous: SnapshotIdentity | undefined): void {
    const { policy } = this.#options;
    policy.begun();
    this.#checkpoints.reached(index, previous).then(
      (taken) => {
        policy.taken(taken.data.byteLength);
        this.#options.onCheckpoint(taken);
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #reached(index: number): void {
    this.#applied = index;
    this.#conditions.check();
  }
}
