/**
 * Blobs by digest: DATA_ROOT/content/blobs/sha256/HEX. A blob that lies there is whole and has its digest: it is
 * hashed on its way into DATA_ROOT/content/ingest, synced, and renamed.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import { type Digest, isDigest, type RandomBytes } from '../../proto/ids.ts';
import { PartialBlobs } from './partial-blobs.ts';
import { Trash } from './trash.ts';

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
  readonly #trash: Trash;
  readonly partial: PartialBlobs;
  /** Directory of blobs that clients are sending. */
  readonly uploads: string;

  constructor(options: { readonly dir: string; readonly random: RandomBytes; readonly logger: Logger }) {
    this.#blobs = join(options.dir, 'content', 'blobs', 'sha256');
    this.#ingest = join(options.dir, 'content', 'ingest');
    this.#random = options.random;
    this.partial = new PartialBlobs(join(options.dir, 'content', 'partial'));
    this.uploads = join(options.dir, 'content', 'uploads');
    this.#trash = new Trash({ ...options, dir: join(options.dir, 'content', 'trash') });
  }

  /** Makes the directories and removes what interrupted writers left. Before any other call. */
  async open(): Promise<void> {
    await rm(this.#ingest, { recursive: true, force: true });
    await mkdir(this.#ingest, { recursive: true });
    await mkdir(this.#blobs, { recursive: true });
    await mkdir(this.uploads, { recursive: true });
    await this.partial.open();
    await this.#trash.open();
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

  /** A name for a file that is to become a blob; removed at the next start if it doesn't. Use {@link LeasedContent}'s. */
  ingestPath(): string {
    return join(this.#ingest, this.#random(8).toString('hex'));
  }

  /** Makes a file on an ingest path a blob; the caller has hashed and synced it. Without a lease it may be collected at once. */
  async adopt(path: string, digest: Digest): Promise<void> {
    await rename(path, this.path(digest));
    this.partial.drop(digest);
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

  /** The bytes from `start` on, up to and without `end`. */
  stream(digest: Digest, start: number = 0, end: number = Number.POSITIVE_INFINITY): AsyncIterable<Buffer> {
    if (end <= start) return emptyStream();
    return createReadStream(this.path(digest), { start, end: end - 1, highWaterMark: 1 << 20 });
  }

  /** When this returns, it is gone; its bytes are deleted by and by. */
  remove(digest: Digest): void {
    this.#trash.discardNow(this.path(digest));
  }

  /** Like {@link remove} of a blob that somebody was bringing: what goes on with it needn't bring it again, for a day. */
  setAside(digest: Digest, nowMs: number): void {
    this.partial.setAside(this.path(digest), digest, nowMs);
  }

  list(): Digest[] {
    return readdirSync(this.#blobs)
      .map((name) => `sha256:${name}`)
      .filter(isDigest);
  }

  /** When all removed blobs are deleted. */
  async settled(): Promise<void> {
    await this.#trash.settled();
  }
}

async function* emptyStream(): AsyncGenerator<Buffer> {}
