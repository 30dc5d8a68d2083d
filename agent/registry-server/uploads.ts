/** Blobs on their way in. They are files of the content store's ingest directory, so a crash takes them away. */
import type { Digest, RandomBytes } from '../../proto/ids.ts';
import type { Blob, BlobWriter, ContentStore } from '../image/content-store.ts';
import { type ByteRange, receivedRange } from './range.ts';
import { RegistryError } from './registry-error.ts';

/** Whoever begins one and goes away leaves a file and its descriptor. */
const MOST_UPLOADS = 256;
/** Nothing came for so long: it is abandoned. */
const IDLE_MS = 30 * 60_000;

export class Upload {
  readonly id: string;
  readonly repository: string;
  readonly #writer: BlobWriter;
  #size = 0;
  #isBusy: boolean = false;
  touchedAtMs: number;

  constructor(id: string, repository: string, writer: BlobWriter, nowMs: number) {
    this.id = id;
    this.repository = repository;
    this.#writer = writer;
    this.touchedAtMs = nowMs;
  }

  get size(): number {
    return this.#size;
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Writes what comes behind what has come; what came before a connection broke counts. Throws SIZE_INVALID, status 416. */
  async append(source: AsyncIterable<Uint8Array>, range: ByteRange | undefined, now: () => number): Promise<void> {
    if (range !== undefined && range.start !== this.#size) throw this.#outOfOrder();
    const from = this.#size;
    await this.#alone(async () => {
      for await (const chunk of source) {
        await this.#writer.write(chunk);
        this.#size += chunk.length;
        this.touchedAtMs = now();
      }
    });
    if (range === undefined || this.#size - from === range.end - range.start + 1) return;
    throw new RegistryError('SIZE_INVALID', `the chunk has ${this.#size - from} bytes, which Content-Range denies`);
  }

  /** Throws DIGEST_INVALID when it is another blob. */
  async commit(digest: Digest): Promise<Blob> {
    return await this.#alone(async () => await this.#writer.commit({ digest }));
  }

  async abort(): Promise<void> {
    await this.#writer.abort();
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
    const headers = { range: receivedRange(this.#size) };
    return new RegistryError('BLOB_UPLOAD_INVALID', `the next byte of this upload is ${this.#size}`, {
      status: 416,
      headers,
    });
  }
}

export class Uploads {
  readonly #content: ContentStore;
  readonly #now: () => number;
  readonly #random: RandomBytes;
  readonly #uploads = new Map<string, Upload>();

  constructor(options: {
    readonly content: ContentStore;
    readonly now: () => number;
    readonly random: RandomBytes;
  }) {
    this.#content = options.content;
    this.#now = options.now;
    this.#random = options.random;
  }

  /** Throws TOOMANYREQUESTS. */
  async begin(repository: string): Promise<Upload> {
    if (this.#uploads.size >= MOST_UPLOADS) {
      throw new RegistryError('TOOMANYREQUESTS', `there are ${MOST_UPLOADS} uploads already`, {
        headers: { 'retry-after': '5' },
      });
    }
    const id = this.#random(16).toString('hex');
    const upload = new Upload(id, repository, await this.#content.writer(), this.#now());
    this.#uploads.set(id, upload);
    return upload;
  }

  /** Throws BLOB_UPLOAD_UNKNOWN. */
  find(repository: string, id: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload?.repository === repository) return upload;
    throw new RegistryError('BLOB_UPLOAD_UNKNOWN', 'there is no such upload; it has ended, or gantryd has restarted');
  }

  /** It is gone, whether or not it became a blob. */
  async end(upload: Upload): Promise<void> {
    this.#uploads.delete(upload.id);
    await upload.abort();
  }

  /** Ends those that nothing comes of any more. */
  async endAbandoned(): Promise<void> {
    const before = this.#now() - IDLE_MS;
    const abandoned = [...this.#uploads.values()].filter(({ isBusy, touchedAtMs }) => !isBusy && touchedAtMs < before);
    for (const upload of abandoned) await this.end(upload);
  }

  async close(): Promise<void> {
    for (const upload of [...this.#uploads.values()]) await this.end(upload);
  }
}
