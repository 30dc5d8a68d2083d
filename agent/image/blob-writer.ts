/** One blob on its way into the content store, hashed as it comes. */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { GantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import { type Blob, finishDigest } from './content-store.ts';
import { WriteBuffer } from './write-buffer.ts';

/** Where finished blobs go. */
export interface BlobShelf {
  adopt(path: string, digest: Digest): Promise<void>;
}

/** Of a file that may be gone on with. */
export interface FileOwner {
  /** The file is closed, or couldn't be opened. */
  closed(): void;
  /** Whether what doesn't become a blob stays. */
  keepsUnfinished(): boolean;
}

const NOBODY: FileOwner = { closed: () => undefined, keepsUnfinished: () => false };
const READ_BYTES = 1 << 20;

export class BlobWriter {
  readonly #shelf: BlobShelf;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #hash: Hash;
  readonly #owner: FileOwner;
  readonly #buffer = new WriteBuffer((bytes) => this.#append(bytes));
  #size: number;
  #closed: boolean = false;

  private constructor(shelf: BlobShelf, path: string, file: FileHandle, begun: BegunBlob, owner: FileOwner) {
    this.#shelf = shelf;
    this.#path = path;
    this.#file = file;
    this.#hash = begun.hash;
    this.#size = begun.size;
    this.#owner = owner;
  }

  /** Of a file that isn't there yet. */
  static async create(shelf: BlobShelf, path: string): Promise<BlobWriter> {
    const file = await open(path, 'wx', 0o600);
    return new BlobWriter(shelf, path, file, { hash: createHash('sha256'), size: 0 }, NOBODY);
  }

  /** Goes on behind what lies in the file, if anything. */
  static async resume(shelf: BlobShelf, path: string, owner: FileOwner = NOBODY): Promise<BlobWriter> {
    let file: FileHandle | undefined;
    try {
      file = await open(path, 'a+', 0o600);
      return new BlobWriter(shelf, path, file, await hashFile(file), owner);
    } catch (error) {
      await file?.close();
      owner.closed();
      throw error;
    }
  }

  /** Bytes that have come. */
  get size(): number {
    return this.#size;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#size += chunk.length;
    await this.#buffer.write(chunk);
  }

  /** When this resolves, what was written is in the file: a killed process doesn't take it along. */
  async flush(): Promise<void> {
    await this.#buffer.flush();
  }

  async #append(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    let offset = 0;
    while (offset < bytes.length) offset += (await this.#file.write(bytes, offset)).bytesWritten;
  }

  /** Makes it a blob, unless it isn't the one that was `expected`: CORRUPT. */
  async commit(expected: Partial<Blob> = {}): Promise<Blob> {
    await this.#buffer.flush();
    const blob: Blob = { digest: finishDigest(this.#hash), size: this.#size };
    if (expected.size !== undefined && expected.size !== blob.size) {
      throw new GantryError('CORRUPT', `blob ${blob.digest} is ${blob.size} bytes instead of ${expected.size}`);
    }
    if (expected.digest !== undefined && expected.digest !== blob.digest) {
      throw new GantryError('CORRUPT', `a blob has the digest ${blob.digest} instead of ${expected.digest}`);
    }
    // Before the rename: after a power cut a name must not stand for half a blob.
    await this.#file.datasync();
    await this.#shelf.adopt(this.#path, blob.digest);
    await this.#close();
    return blob;
  }

  /** Leaves what was written for whoever goes on with it; nothing after a commit. */
  async suspend(): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#buffer.flush();
    } finally {
      await this.#close();
    }
  }

  /** Drops what was written, unless its owner keeps that; nothing after a commit, or when it was suspended. */
  async abort(): Promise<void> {
    if (this.#closed) return;
    if (this.#owner.keepsUnfinished()) return await this.suspend();
    await rm(this.#path, { force: true });
    await this.#close();
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#file.close();
    } finally {
      this.#owner.closed();
    }
  }
}

interface BegunBlob {
  readonly hash: Hash;
  readonly size: number;
}

async function hashFile(file: FileHandle): Promise<BegunBlob> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let size = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, size);
    if (bytesRead === 0) return { hash, size };
    hash.update(buffer.subarray(0, bytesRead));
    size += bytesRead;
  }
}
