/**
 * Blobs by digest: DATA_ROOT/content/blobs/sha256/HEX. A blob that lies there is whole and has its digest: it is
 * hashed on its way into DATA_ROOT/content/ingest, synced, and renamed.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import { type Digest, isDigest, type RandomBytes } from '../../proto/ids.ts';

export interface Blob {
  readonly digest: Digest;
  readonly size: number;
}

export function digestOf(data: Uint8Array): Digest {
  return finishDigest(createHash('sha256').update(data));
}

export function finishDigest(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}` as Digest;
}

export class ContentStore {
  readonly #blobs: string;
  readonly #ingest: string;
  readonly #random: RandomBytes;

  constructor(options: { readonly dir: string; readonly random: RandomBytes }) {
    this.#blobs = join(options.dir, 'content', 'blobs', 'sha256');
    this.#ingest = join(options.dir, 'content', 'ingest');
    this.#random = options.random;
  }

  /** Makes the directories and removes what interrupted writers left. Before any other call. */
  async open(): Promise<void> {
    await rm(this.#ingest, { recursive: true, force: true });
    await mkdir(this.#ingest, { recursive: true });
    await mkdir(this.#blobs, { recursive: true });
  }

  /** Where the blob lies, or would. */
  path(digest: Digest): string {
    return join(this.#blobs, digest.slice('sha256:'.length));
  }

  has(digest: Digest): boolean {
    return existsSync(this.path(digest));
  }

  size(digest: Digest): number {
    return statSync(this.path(digest)).size;
  }

  /** A new blob's writer. The caller commits or aborts it. */
  async writer(): Promise<BlobWriter> {
    const path = this.ingestPath();
    return new BlobWriter(this, path, await open(path, 'wx', 0o600));
  }

  /** A name for a file that is to become a blob through {@link adopt}; removed at the next start if it doesn't. */
  ingestPath(): string {
    return join(this.#ingest, this.#random(8).toString('hex'));
  }

  /** Makes a file on an ingest path a blob; the caller has hashed and synced it. */
  async adopt(path: string, digest: Digest): Promise<void> {
    await rename(path, this.path(digest));
  }

  async ingest(source: AsyncIterable<Uint8Array>, expected?: Partial<Blob>): Promise<Blob> {
    const writer = await this.writer();
    try {
      for await (const chunk of source) await writer.write(chunk);
      return await writer.commit(expected);
    } finally {
      await writer.abort();
    }
  }

  async put(data: Uint8Array): Promise<Blob> {
    const digest = digestOf(data);
    if (this.has(digest)) return { digest, size: data.length };
    const writer = await this.writer();
    try {
      await writer.write(data);
      return await writer.commit({ digest });
    } finally {
      await writer.abort();
    }
  }

  /** The whole of a small blob, verified. NOT_FOUND; INVALID_ARGUMENT beyond `maxBytes`; CORRUPT when the disk changed it. */
  async read(digest: Digest, maxBytes: number): Promise<Buffer> {
    if (!this.has(digest)) throw new GantryError('NOT_FOUND', `blob ${digest} is not in the content store`);
    if (this.size(digest) > maxBytes) {
      throw new GantryError(
        'INVALID_ARGUMENT',
        `blob ${digest} is ${this.size(digest)} bytes, more than the ${maxBytes} allowed`,
      );
    }
    const data = await readFile(this.path(digest));
    if (digestOf(data) !== digest) throw new GantryError('CORRUPT', `blob ${digest} has changed on disk`);
    return data;
  }

  stream(digest: Digest): AsyncIterable<Buffer> {
    return createReadStream(this.path(digest), { highWaterMark: 1 << 20 });
  }

  async remove(digest: Digest): Promise<void> {
    await rm(this.path(digest), { force: true });
  }

  async list(): Promise<Digest[]> {
    const names = await readdir(this.#blobs);
    return names.map((name) => `sha256:${name}`).filter(isDigest);
  }
}

/** One blob on its way in. */
export class BlobWriter {
  readonly #store: ContentStore;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #size = 0;
  #closed: boolean = false;

  constructor(store: ContentStore, path: string, file: FileHandle) {
    this.#store = store;
    this.#path = path;
    this.#file = file;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    this.#size += chunk.length;
    let offset = 0;
    while (offset < chunk.length) offset += (await this.#file.write(chunk, offset)).bytesWritten;
  }

  /** Makes it a blob, unless it isn't the one that was `expected`: CORRUPT. */
  async commit(expected: Partial<Blob> = {}): Promise<Blob> {
    const blob: Blob = { digest: finishDigest(this.#hash), size: this.#size };
    if (expected.size !== undefined && expected.size !== blob.size) {
      throw new GantryError('CORRUPT', `blob ${blob.digest} is ${blob.size} bytes instead of ${expected.size}`);
    }
    if (expected.digest !== undefined && expected.digest !== blob.digest) {
      throw new GantryError('CORRUPT', `a blob has the digest ${blob.digest} instead of ${expected.digest}`);
    }
    // Before the rename: after a power cut a name must not stand for half a blob.
    await this.#file.datasync();
    await this.#close();
    await this.#store.adopt(this.#path, blob.digest);
    return blob;
  }

  /** Drops what was written; nothing after a commit. */
  async abort(): Promise<void> {
    await this.#close();
    await rm(this.#path, { force: true });
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#file.close();
  }
}
