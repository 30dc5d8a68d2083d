/**
 * Snapshots in etcd: chunks under a folder of their own, and then, in one transaction, the pointer that makes them count
 * and the removal of what they replace. A leader that dies before has changed nothing; its chunks go with the next one's.
 */
import { GantryError } from '../../../proto/errors.ts';
import type { TakenSnapshot } from '../checkpoints.ts';
import { snapshotHash } from '../snapshot-hash.ts';
import type { EtcdConnection } from './connection.ts';
import type { Fence } from './fence.ts';
import type { Keys } from './keys.ts';
import { put, remove } from './operations.ts';

export interface StoredSnapshot {
  readonly index: number;
  readonly data: Uint8Array;
}

interface Pointer {
  readonly version: number;
  readonly index: number;
  readonly term: number;
  readonly chunks: number;
  readonly sha256: string;
}

const VERSION = 1;
const CHUNK_BYTES = 1024 * 1024;
/** Chunks of one answer. */
const PAGE = 16;

export class Snapshots {
  readonly #connection: EtcdConnection;
  readonly #keys: Keys;

  constructor(connection: EtcdConnection, keys: Keys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  /** Undefined when there is none yet. CORRUPT, UNSUPPORTED, UNAVAILABLE. */
  async read(): Promise<StoredSnapshot | undefined> {
    let pointer = await this.#pointer();
    while (pointer !== undefined) {
      const data = await this.#chunks(pointer.value);
      if ((await snapshotHash(data)).toString('hex') === pointer.value.sha256)
        return { index: pointer.value.index, data };
      const now = await this.#pointer();
      if (now?.revision === pointer.revision) {
        throw new GantryError(
          'CORRUPT',
          `the snapshot of entry ${pointer.value.index} in ${this.#connection.name} is damaged`,
          {
            hint: 'restore etcd from a backup',
          },
        );
      }
      // A newer one has taken its place while it was read.
      pointer = now;
    }
    return undefined;
  }

  /**
   * `firstKept`: first of the records that stay; those up to the snapshot's index needn't. Undefined when the term is over,
   * else the revision of the snapshot before, 0 without one: what was before that nobody needs any more.
   */
  async write({ index, data, hash }: TakenSnapshot, firstKept: number, fence: Fence): Promise<number | undefined> {
    const before = await this.#pointer();
    const chunks = Math.ceil(data.byteLength / CHUNK_BYTES);
    for (let number = 0; number < chunks; number += 1) {
      const chunk = data.subarray(number * CHUNK_BYTES, (number + 1) * CHUNK_BYTES);
      const written = await fence.write([put(this.#keys.chunk(index, fence.term, number), Buffer.from(chunk))]);
      if (written === undefined) return undefined;
    }
    const pointer: Pointer = {
      version: VERSION,
      index,
      term: fence.term,
      chunks,
      sha256: Buffer.from(hash).toString('hex'),
    };
    return (await this.#commit(pointer, firstKept, fence)) ? (before?.revision ?? 0) : undefined;
  }

  async #commit(pointer: Pointer, firstKept: number, fence: Fence): Promise<boolean> {
    const { snapshots, snapshot } = this.#keys;
    const own = this.#keys.chunks(pointer.index, pointer.term);
    const revision = await fence.write([
      put(snapshot, JSON.stringify(pointer)),
      remove({ key: snapshots.key, range_end: own.key }),
      remove({ key: own.range_end, range_end: snapshots.range_end }),
      remove(this.#keys.recordsBefore(firstKept)),
    ]);
    return revision !== undefined;
  }

  async #pointer(): Promise<{ readonly value: Pointer; readonly revision: number } | undefined> {
    const found = await this.#connection.get(this.#keys.snapshot);
    if (found === undefined) return undefined;
    const value = JSON.parse(found.value.toString()) as Pointer;
    if (value.version !== VERSION) {
      throw new GantryError('UNSUPPORTED', `the snapshot in ${this.#connection.name} has format ${value.version}`, {
        hint: 'run the newer version of gantryd that the other managers have',
      });
    }
    return { value, revision: Number(found.mod_revision) };
  }

  /** As many as are there. */
  async #chunks({ index, term, chunks }: Pointer): Promise<Uint8Array> {
    const { range_end } = this.#keys.chunks(index, term);
    const parts: Buffer[] = [];
    while (parts.length < chunks) {
      const key = this.#keys.chunk(index, term, parts.length);
      const { kvs } = await this.#connection.range({ key, range_end, limit: PAGE });
      if (kvs.length === 0) break;
      parts.push(...kvs.map(({ value }) => value));
    }
    return Buffer.concat(parts);
  }
}
