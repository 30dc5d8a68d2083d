/** The keys that records are sealed with: the newest for what is written, older ones for what was. */
import type { KeyObject } from 'node:crypto';
import { GantryError } from '../../proto/errors.ts';
import type { Sealer } from '../replication/sealer.ts';
import { cipherKey, decrypt, decryptLarge, encrypt, encryptLarge } from './cipher.ts';

export interface DataKey {
  /** 32 bits. */
  readonly id: number;
  readonly bytes: Uint8Array;
}

const ID_BYTES = 4;
/** Half of what random nonces are safe for, see `encrypt`. */
export const MAX_RECORDS_PER_KEY = 2 ** 31;

export interface DataKeysOptions {
  /** The oldest first. */
  readonly keys: readonly DataKey[];
  /** Makes the next key and puts it on disk before it returns: no record may be written under a key that could be lost. */
  readonly nextKey: () => DataKey;
  readonly maxRecordsPerKey?: number;
}

/**
 * A record is the id of its key, and what `encrypt` makes of it. How often a key was used is counted only while the
 * process runs; so that the count is right, each process begins with a key of its own.
 */
export class DataKeys implements Sealer {
  readonly #options: DataKeysOptions;
  readonly #keys = new Map<number, KeyObject>();
  readonly #used = new Set<number>();
  /** Undefined until something is to be written. */
  #current: { readonly header: Buffer; readonly key: KeyObject } | undefined;
  #sealed = 0;

  constructor(options: DataKeysOptions) {
    this.#options = options;
    for (const { id, bytes } of options.keys) this.#keys.set(id, cipherKey(bytes));
  }

  /** Ids of the keys that some record was sealed or unsealed with since the start. */
  get usedIds(): ReadonlySet<number> {
    return this.#used;
  }

  seal(name: string, content: Uint8Array): Buffer {
    const { key, header } = this.#nextUse();
    return encrypt(key, name, content, header);
  }

  sealLarge(name: string, content: Uint8Array): Promise<Buffer> {
    const { key, header } = this.#nextUse();
    return encryptLarge(key, name, content, header);
  }

  /** CORRUPT when the record's key isn't among ours. */
  unseal(name: string, record: Uint8Array): Buffer | undefined {
    if (record.byteLength < ID_BYTES) return undefined;
    return decrypt(this.#keyOf(name, record), name, record.subarray(ID_BYTES));
  }

  /** As `unseal`, but in slices. The record must not change meanwhile. */
  async unsealLarge(name: string, record: Uint8Array): Promise<Buffer | undefined> {
    if (record.byteLength < ID_BYTES) return undefined;
    return await decryptLarge(this.#keyOf(name, record), name, record.subarray(ID_BYTES));
  }

  /** What is sealed from now on is under this key, which is on disk. */
  use(key: DataKey): void {
    this.#current = this.#begin(key);
  }

  #nextUse(): { readonly header: Buffer; readonly key: KeyObject } {
    if (this.#sealed >= (this.#options.maxRecordsPerKey ?? MAX_RECORDS_PER_KEY)) this.#current = undefined;
    this.#current ??= this.#begin(this.#options.nextKey());
    this.#sealed += 1;
    return this.#current;
  }

  #keyOf(name: string, record: Uint8Array): KeyObject {
    const id = new DataView(record.buffer, record.byteOffset).getUint32(0);
    const key = this.#keys.get(id);
    if (key === undefined) throw unknownKey(name);
    this.#used.add(id);
    return key;
  }

  #begin({ id, bytes }: DataKey): { readonly header: Buffer; readonly key: KeyObject } {
    const header = Buffer.alloc(ID_BYTES);
    header.writeUInt32BE(id);
    const key = cipherKey(bytes);
    this.#keys.set(id, key);
    this.#used.add(id);
    this.#sealed = 0;
    return { header, key };
  }
}

function unknownKey(name: string): GantryError {
  return new GantryError('CORRUPT', `the log's ${name} is sealed with a key that keys.json does not have`, {
    hint: 'the key file was replaced, or the record is damaged: restore the manager directory from a copy, or the cluster from a backup',
  });
}
