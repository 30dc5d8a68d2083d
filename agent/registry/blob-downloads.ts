/**
 * Blobs on their way from registries, or other nodes, into the content store: as a stream, verified, taken up where the
 * connection dropped, some of them at once, and each of them once however many images want it.
 */
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import type { BlobWriter, ContentStore } from '../image/content-store.ts';
import type { Descriptor } from '../image/manifest.ts';
import { BlobSources } from './blob-sources.ts';
import type { Repository } from './repository.ts';
import { type RetryClock, withRetries } from './retry.ts';
import { SharedWork } from './shared-work.ts';
import { Slots } from './slots.ts';

export type DownloadProgress =
  | { readonly kind: 'downloading'; readonly bytes: number }
  | { readonly kind: 'retrying'; readonly seconds: number; readonly reason: string };

export interface BlobDownload {
  /** In the order of trying; at least one. The last is asked again when it fails. */
  readonly repositories: readonly Repository[];
  /** The registry's name and the repository's: whoever shares a download may read both. */
  readonly source: string;
  readonly descriptor: Descriptor;
}

/** Docker's number. */
const AT_ONCE = 3;
/** So much makes a broken connection worth as many attempts as a new one. */
const PROGRESS_BYTES = 1 << 20;

export class BlobDownloads {
  readonly #content: ContentStore;
  readonly #clock: RetryClock;
  readonly #slots = new Slots(AT_ONCE);
  readonly #shared = new SharedWork<DownloadProgress>();
  /** How many want each that isn't there yet. */
  readonly #wanted = new Map<Digest, number>();

  constructor(options: { readonly content: ContentStore; readonly clock: RetryClock }) {
    this.#content = options.content;
    this.#clock = options.clock;
  }

  /** It is on its way, or waits for its turn. */
  isArriving(digest: Digest): boolean {
    return this.#wanted.has(digest);
  }

  /**
   * Makes sure that the blob is in the content store; the caller holds the garbage collector. What doesn't become a
   * blob is removed. Throws CORRUPT for another blob than was asked for, UNAVAILABLE, NOT_FOUND, CANCELLED.
   */
  async fetch(
    download: BlobDownload,
    listener: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { digest } = download.descriptor;
    if (this.#content.has(digest)) return;
    const start = (report: (progress: DownloadProgress) => void, shared: AbortSignal) =>
      this.#slots.use(() => this.#download(download, report, shared), shared);
    this.#wanted.set(digest, (this.#wanted.get(digest) ?? 0) + 1);
    try {
      await this.#shared.join(`${download.source}@${digest}`, start, listener, signal);
    } finally {
      const others = (this.#wanted.get(digest) ?? 1) - 1;
      if (others === 0) this.#wanted.delete(digest);
      else this.#wanted.set(digest, others);
    }
  }

  /** Where somebody has sent something else than was asked for, without whoever came first: it may have been that one. */
  async #download(
    download: BlobDownload,
    report: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let { repositories } = download;
    for (;;) {
      try {
        await this.#downloadFrom(repositories, download.descriptor, report, signal);
        return;
      } catch (error) {
        if (repositories.length < 2 || toGantryError(error).code !== 'CORRUPT') throw error;
        repositories = repositories.slice(1);
      }
    }
  }

  async #downloadFrom(
    repositories: readonly Repository[],
    descriptor: Descriptor,
    report: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#content.has(descriptor.digest)) return;
    const writer = await this.#content.writer();
    try {
      const sources = new BlobSources(repositories, this.#clock);
      const transfer = new Transfer(sources, descriptor, writer, report);
      await withRetries(() => transfer.attempt(signal), {
        clock: this.#clock,
        signal,
        progressed: () => transfer.takeProgress() >= PROGRESS_BYTES,
        onRetry: (ms, error) => report({ kind: 'retrying', seconds: Math.ceil(ms / 1000), reason: error.message }),
      });
      await writer.commit({ digest: descriptor.digest, size: descriptor.size });
    } finally {
      await writer.abort();
    }
  }
}

/** One blob's bytes, in as many attempts as it takes. */
class Transfer {
  readonly #sources: BlobSources<Repository>;
  readonly #descriptor: Descriptor;
  readonly #writer: BlobWriter;
  readonly #report: (progress: DownloadProgress) => void;
  #written = 0;
  #counted = 0;

  constructor(
    sources: BlobSources<Repository>,
    descriptor: Descriptor,
    writer: BlobWriter,
    report: (progress: DownloadProgress) => void,
  ) {
    this.#sources = sources;
    this.#descriptor = descriptor;
    this.#writer = writer;
    this.#report = report;
  }

  /** Bytes since it was asked last. */
  takeProgress(): number {
    const progress = this.#written - this.#counted;
    this.#counted = this.#written;
    return progress;
  }

  /** By each of the sources in turn, until one has sent the rest. Throws what the last one did. */
  async attempt(signal: AbortSignal): Promise<void> {
    await this.#sources.each((repository) => this.#receive(repository, signal), signal);
  }

  async #receive(repository: Repository, signal: AbortSignal): Promise<void> {
    const { digest, size } = this.#descriptor;
    if (this.#written === size && size > 0) return;
    const { offset, body } = await repository.blob(digest, this.#written, signal);
    // What a registry without ranges sends again is as good as what has been written: all of it is verified.
    let known = this.#written - offset;
    for await (const chunk of body) {
      const fresh = chunk.subarray(Math.min(known, chunk.length));
      known -= chunk.length - fresh.length;
      if (this.#written + fresh.length > size) {
        throw new GantryError('CORRUPT', `${repository.host} sent more than the ${size} bytes of blob ${digest}`);
      }
      await this.#writer.write(fresh);
      this.#written += fresh.length;
      this.#report({ kind: 'downloading', bytes: this.#written });
    }
    if (this.#written === size) return;
    throw new GantryError(
      'UNAVAILABLE',
      `${repository.host} sent ${this.#written} of the ${size} bytes of blob ${digest}`,
    );
  }
}
