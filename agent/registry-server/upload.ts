/** One blob on its way in: an upload session of the OCI distribution specification. */
import type { Digest } from '../../proto/ids.ts';
import type { BlobWriter } from '../image/blob-writer.ts';
import type { Blob } from '../image/content-store.ts';
import type { Lease } from '../image/lease.ts';
import { type ByteRange, receivedRange } from './range.ts';
import { RegistryError } from './registry-error.ts';

export interface UploadParts {
  readonly id: string;
  readonly repository: string;
  readonly writer: BlobWriter;
  /** Keeps the blob, once it is one, until the upload ends. */
  readonly lease: Lease;
}

export class Upload {
  readonly id: string;
  readonly repository: string;
  readonly #writer: BlobWriter;
  readonly #lease: Lease;
  #isBusy: boolean = false;
  touchedAtMs: number;

  constructor({ id, repository, writer, lease }: UploadParts, nowMs: number) {
    this.id = id;
    this.repository = repository;
    this.#writer = writer;
    this.#lease = lease;
    this.touchedAtMs = nowMs;
  }

  get size(): number {
    return this.#writer.size;
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Writes what comes behind what has come; what came before a connection broke counts. Throws SIZE_INVALID, status 416. */
  async append(source: AsyncIterable<Uint8Array>, range: ByteRange | undefined, now: () => number): Promise<void> {
    if (range !== undefined && range.start !== this.size) throw this.#outOfOrder();
    const from = this.size;
    await this.#alone(async () => {
      for await (const chunk of source) {
        await this.#writer.write(chunk);
        this.touchedAtMs = now();
      }
      // What the client is told to have come must outlive gantryd.
      await this.#writer.flush();
    });
    if (range === undefined || this.size - from === range.end - range.start + 1) return;
    throw new RegistryError('SIZE_INVALID', `the chunk has ${this.size - from} bytes, which Content-Range denies`);
  }

  /** Throws DIGEST_INVALID when it is another blob. */
  async commit(digest: Digest): Promise<Blob> {
    return await this.#alone(async () => await this.#writer.commit({ digest }));
  }

  /** What has come stays. */
  async suspend(): Promise<void> {
    try {
      await this.#writer.suspend();
    } finally {
      this.#lease[Symbol.dispose]();
    }
  }

  async abort(): Promise<void> {
    try {
      await this.#writer.abort();
    } finally {
      this.#lease[Symbol.dispose]();
    }
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isBusy)
      throw new RegistryError('BLOB_UPLOAD_INVALID', 'this upload is still being sent', { status: 409 });
    this.#isBusy = true;
    try {
      return await work();
    } finally {
      this.#isBusy = false;
    }
  }

  #outOfOrder(): RegistryError {
    const headers = { range: receivedRange(this.size) };
    return new RegistryError('BLOB_UPLOAD_INVALID', `the next byte of this upload is ${this.size}`, {
      status: 416,
      headers,
    });
  }
}
