/** What a manager does while it leads: writes what is proposed, and now and then a checkpoint and its snapshot. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type GantryError, toGantryError } from '../../../proto/errors.ts';
import type { TakenSnapshot } from '../checkpoints.ts';
import { encodeLogEntry } from '../log-entry.ts';
import type { SnapshotPolicy } from '../snapshot-policy.ts';
import { Appender } from './appender.ts';
import type { Applier } from './applier.ts';
import type { EtcdConnection } from './connection.ts';
import type { Fence } from './fence.ts';
import type { Keys } from './keys.ts';
import type { Snapshots } from './snapshots.ts';
import type { Tail } from './tail.ts';

export interface LeaderTermOptions {
  readonly connection: EtcdConnection;
  readonly keys: Keys;
  readonly fence: Fence;
  /** Where the log ended when the term began. */
  readonly end: number;
  readonly applier: Applier;
  readonly policy: SnapshotPolicy;
  readonly tail: Tail;
  readonly snapshots: Snapshots;
  readonly logger: Logger;
  /** Another leads. */
  readonly onFenced: () => void;
}

const RETRY_MS = 500;

export class LeaderTerm {
  readonly fence: Fence;
  readonly #options: LeaderTermOptions;
  readonly #appender: Appender;
  readonly #over = new AbortController();
  /** From the checkpoint's proposal until its snapshot is in etcd. */
  #isCheckpointing: boolean = false;

  constructor(options: LeaderTermOptions) {
    const { connection, keys, fence, end, applier, onFenced } = options;
    this.#options = options;
    this.fence = fence;
    this.#appender = new Appender({
      connection,
      keys,
      fence,
      next: end + 1,
      apply: async (records) => {
        await applier.apply(records);
        this.#checkpointWhenDue();
      },
      onFenced,
    });
  }

  get pending(): number {
    return this.#appender.pending;
  }

  propose(data: Uint8Array): Promise<number> {
    return this.#appender.propose(encodeLogEntry({ kind: 'change', data }));
  }

  /** Of the checkpoint that was applied. Never rejects. */
  async keep(snapshot: TakenSnapshot): Promise<void> {
    try {
      while (!this.#over.signal.aborted && !(await this.#write(snapshot))) {
        await sleep(RETRY_MS, undefined, { signal: this.#over.signal }).catch(() => undefined);
      }
    } finally {
      this.#isCheckpointing = false;
    }
  }

  /** Resolves when nothing waits or is under way. */
  idle(): Promise<void> {
    return this.#appender.idle();
  }

  /** Takes nothing more; resolves when what is under way has come to its end. */
  async finish(error: GantryError): Promise<void> {
    this.#over.abort();
    await this.#appender.finish(error);
  }

  /** What is under way may still happen. */
  end(error: GantryError): void {
    this.#over.abort();
    this.#appender.end(error);
  }

  #checkpointWhenDue(): void {
    const { policy, applier, logger } = this.#options;
    if (!policy.due || this.#isCheckpointing) return;
    this.#isCheckpointing = true;
    this.#appender.propose(applier.checkpoint()).catch((error: unknown) => {
      this.#isCheckpointing = false;
      logger.debug({ err: error }, 'a checkpoint was not written');
    });
  }

  /** Whether there is nothing left to do. */
  async #write(snapshot: TakenSnapshot): Promise<boolean> {
    const { snapshots, tail, fence, connection, logger } = this.#options;
    const { index, data } = snapshot;
    try {
      const replaced = await snapshots.write(snapshot, tail.firstKept(index), fence);
      if (replaced === undefined) return true;
      logger.info({ index, bytes: data.byteLength }, 'snapshot written and log compacted');
      if (replaced > 0) await connection.compact(replaced);
      return true;
    } catch (error) {
      if (this.#over.signal.aborted) return true;
      logger.warn({ err: error, index }, 'the snapshot could not be written');
      return !toGantryError(error).temporary;
    }
  }
}
