/**
 * The leader's end of the log: writes what is proposed, one transaction at a time; what is proposed meanwhile goes into
 * the next. A record is written only where there is none yet, and only while the term lasts.
 *
 * When etcd's answer is lost, the transaction is sent again and the log is looked at, until it is known. A record
 * of this term at its index is ours: so an entry is never there twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type GantryError, toGantryError } from '../../../proto/errors.ts';
import { notLeader } from '../proposals.ts';
import { batchLength } from './batch.ts';
import type { EtcdConnection } from './connection.ts';
import type { Fence } from './fence.ts';
import type { Keys } from './keys.ts';
import { isMissing, put } from './operations.ts';
import { decodeLogRecord, encodeLogRecord, type LogRecord, toRecords } from './record.ts';

export interface AppenderOptions {
  readonly connection: EtcdConnection;
  readonly keys: Keys;
  readonly fence: Fence;
  /** Index of the first record that it writes. */
  readonly next: number;
  /** Resolves when they are applied. Called in order. */
  readonly apply: (records: readonly LogRecord[]) => Promise<void>;
  /** Another leads. */
  readonly onFenced: () => void;
}

interface Proposal {
  readonly data: Uint8Array;
  readonly resolve: (index: number) => void;
  readonly reject: (error: GantryError) => void;
}

const RETRY_MS = 50;

export class Appender {
  readonly #options: AppenderOptions;
  #next: number;
  #queue: Proposal[] = [];
  #batch: readonly Proposal[] = [];
  #running: Promise<void> | undefined;
  #ended: GantryError | undefined;

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#next = options.next;
  }

  /** Not applied yet. */
  get pending(): number {
    return this.#queue.length + this.#batch.length;
  }

  /** Resolves with the entry's index once it is in the log and applied. */
  propose(data: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      this.#queue.push({ data, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing waits or is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Takes nothing more, and rejects what waits; resolves when what is under way has come to its end. */
  async finish(error: GantryError): Promise<void> {
    this.#ended ??= error;
    for (const { reject } of this.#queue.splice(0)) reject(error);
    await this.#running;
  }

  /** What waits and what is under way is rejected; the latter may still happen. */
  end(error: GantryError): void {
    this.#ended ??= error;
    for (const { reject } of [...this.#batch, ...this.#queue.splice(0)]) reject(error);
    this.#batch = [];
  }

  async #run(): Promise<void> {
    // What the caller proposes in the same turn goes into the same batch.
    await undefined;
    while (this.#queue.length > 0) {
      this.#batch = this.#queue.splice(0, batchLength(this.#queue));
      try {
        await this.#append(this.#batch);
      } catch (error) {
        for (const { reject } of this.#batch) reject(toGantryError(error));
      }
      this.#batch = [];
    }
    // In the same turn as the last look at the queue: whoever comes later starts anew.
    this.#running = undefined;
  }

  async #append(batch: readonly Proposal[]): Promise<void> {
    const { fence } = this.#options;
    let next = this.#next;
    const entries = batch.map(({ data }) => {
      const records = toRecords(next, fence.term, data);
      next += records.length;
      return records;
    });
    const [first = []] = entries;
    // A large entry is alone, and one record of it fills a transaction.
    const transactions = first.length > 1 ? first.map((record) => [record]) : [entries.flat()];
    for (const records of transactions) await this.#commit(records);
    for (const [position, { resolve }] of batch.entries()) resolve(entries[position]?.at(-1)?.index ?? 0);
  }

  async #commit(records: readonly LogRecord[]): Promise<void> {
    if (!(await this.#writeUntilKnown(records))) {
      this.#options.onFenced();
      throw this.#ended ?? notLeader();
    }
    this.#next += records.length;
    await this.#options.apply(records);
  }

  /** Whether they are in the log; false when this term is over. Throws when etcd refuses them. */
  async #writeUntilKnown(records: readonly LogRecord[]): Promise<boolean> {
    let unknown = false;
    while (this.#ended === undefined) {
      try {
        return (await this.#write(records)) || (await this.#areOurs(records));
      } catch (error) {
        const failure = toGantryError(error);
        if (failure.code !== 'UNAVAILABLE' && !unknown && !(await this.#mayBeOurs(records))) throw failure;
        unknown = true;
        await sleep(RETRY_MS);
      }
    }
    return false;
  }

  async #write(records: readonly LogRecord[]): Promise<boolean> {
    const { keys, fence } = this.#options;
    const [first] = records;
    const last = records.at(-1);
    if (first === undefined || last === undefined) return true;
    const writes = records.map((record) => put(keys.record(record.index), encodeLogRecord(record)));
    const end = put(keys.end, String(last.index));
    return (await fence.write([...writes, end], [isMissing(keys.record(first.index))])) !== undefined;
  }

  /** Whether a transaction whose answer got lost has written them. */
  async #areOurs(records: readonly LogRecord[]): Promise<boolean> {
    const { connection, keys, fence } = this.#options;
    const index = records[0]?.index ?? 0;
    const found = await connection.get(keys.record(index));
    return found !== undefined && decodeLogRecord(index, found.value).term === fence.term;
  }

  /** etcd may refuse for want of space what it has written all the same. */
  async #mayBeOurs(records: readonly LogRecord[]): Promise<boolean> {
    try {
      return await this.#areOurs(records);
    } catch {
      return true;
    }
  }
}
