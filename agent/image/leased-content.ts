/** The content store as work with a lease has it: what is put there, and what is found there, stays until the lease ends. */
import type { Digest } from '../../proto/ids.ts';
import { BlobWriter } from './blob-writer.ts';
import { type Blob, type ContentStore, digestOf } from './content-store.ts';

/** The lease. */
export interface BlobKeeper {
  keepBlob(digest: Digest): void;
}

export class LeasedContent {
  readonly #store: ContentStore;
  readonly #lease: BlobKeeper;

  constructor(store: ContentStore, lease: BlobKeeper) {
    this.#store = store;
    this.#lease = lease;
  }

  has(digest: Digest): boolean {
    this.#lease.keepBlob(digest);
    return this.#store.has(digest);
  }

  path(digest: Digest): string {
    return this.#store.path(digest);
  }

  size(digest: Digest): number {
    return this.#store.size(digest);
  }

  /** See {@link ContentStore.read}. */
  async read(digest: Digest, maxBytes: number): Promise<Buffer> {
    this.#lease.keepBlob(digest);
    return await this.#store.read(digest, maxBytes);
  }

  stream(digest: Digest): AsyncIterable<Buffer> {
    this.#lease.keepBlob(digest);
    return this.#store.stream(digest);
  }

  /** A new blob's writer. The caller commits or aborts it. */
  async writer(): Promise<BlobWriter> {
    return await BlobWriter.create(this, this.ingestPath());
  }

  /** Whether something has come of it that {@link resume} would go on with. */
  hasBegun(digest: Digest): boolean {
    return this.#store.partial.size(digest) > 0;
  }

  /** The same of a blob whose digest is known: behind what had come of it when the last process ended. */
  async resume(digest: Digest): Promise<BlobWriter> {
    const { partial } = this.#store;
    const path = partial.take(digest);
    // Two that get it from different places don't share it: then one of them begins anew.
    if (path === undefined) return await this.writer();
    return await BlobWriter.resume(this, path, {
      closed: () => partial.release(digest),
      keepsUnfinished: () => partial.isKept,
    });
  }

  /** A name for a file that is to become a blob through {@link adopt}; removed at the next start if it doesn't. */
  ingestPath(): string {
    return this.#store.ingestPath();
  }

  /** Makes a file on an ingest path a blob; the caller has hashed and synced it. */
  async adopt(path: string, digest: Digest): Promise<void> {
    this.#lease.keepBlob(digest);
    await this.#store.adopt(path, digest);
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
}
