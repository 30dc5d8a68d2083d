/**
 * Blobs on their way from registries, or other nodes, into the content store: as a stream, verified, taken up where the
 * connection dropped, some of them at once, and each of them once however many images want it.
 */
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import type { BlobWriter } from '../image/blob-writer.ts';
import type { LeasedContent } from '../image/leased-content.ts';
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
  /** Where it goes: it stays for as long as whoever wants it does. */
  readonly content: LeasedContent;
  readonly descriptor: Descriptor;
}

/** Docker's number. */
const AT_ONCE = 3;
/** So much makes a broken connection worth as many attempts as a new one. */
const PROGRESS_BYTES = 1 << 20;

export class BlobDownloads {
  readonly #clock: RetryClock;
  readonly #slots = new Slots(AT_ONCE);
  readonly #shared = new SharedWork<DownloadProgress>();
  /** How many want each that isn't there yet. */
  readonly #wanted = new Map<Digest, number>();

  constructor(options: { readonly clock: RetryClock }) {
    this.#clock = options.clock;
  }

  /** It is on its way, or waits for its turn. */
  isArriving(digest: Digest): boolean {
    return this.#wanted.has(digest);
  }

  /**
   * Makes sure that the blob is in the content store. What had come of it when the last
   * process ended isn't asked for again; what doesn't become a blob is removed. Throws CORRUPT for another blob than was asked for, UNAVAILABLE, NOT_FOUND,
   * CANCELLED.
   */
  async fetch(
    download: BlobDownload,
    listener: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { digest } = download.descriptor;
    if (download.content.has(digest)) return;
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
    const { content, descriptor } = download;
    for (;;) {
      const isBegun = content.hasBegun(descriptor.digest);
      try {
        await this.#downloadFrom({ ...download, repositories }, report, signal);
        return;
      } catch (error) {
        if (toGantryError(error).code !== 'CORRUPT') throw error;
        // What came earlier may be what is wrong: after a power cut, a file may have holes. It has been dropped.
        if (isBegun) continue;
        if (repositories.length < 2) throw error;
        repositories = repositories.slice(1);
      }
    }
  }

  async #downloadFrom(
    { repositories, content, descriptor }: BlobDownload,
    report: (progress: DownloadProgress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (content.has(descriptor.digest)) return;
    const writer = await content.resume(descriptor.digest);
    try {
      if (writer.size > descriptor.size) {
        throw new GantryError(
          'CORRUPT',
          `more than the ${descriptor.size} bytes of blob ${descriptor.digest} have come`,
        );
      }
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
  #counted: number;

  constructor(
    sources: BlobSources<Repository>,
    descriptor: Descriptor,
    writer: BlobWriter,
    report: (progress: DownloadProgress) => void,
  ) {
    this.#sources = sources;
    this.#descriptor = descriptor;
    this.#writer = writer;
    this.#counted = writer.size;
    this.#report = report;
  }

  /** Bytes since it was asked last. */
  takeProgress(): number {
    const progress = this.#writer.size - this.#counted;
    this.#counted = this.#writer.size;
    return progress;
  }

  /** By each of the sources in turn, until one has sent the rest. Throws what the last one did. */
  async attempt(signal: AbortSignal): Promise<void> {
    await this.#sources.each((repository) => this.#receive(repository, signal), signal);
  }

  async #receive(repository: Repository, signal: AbortSignal): Promise<void> {
    const { digest, size } = this.#descriptor;
    if (this.#writer.size === size && size > 0) return;
    const { offset, body } = await repository.blob(digest, this.#writer.size, signal);
    // What a registry without ranges sends again is as good as what has been written: all of it is verified.
    let known = this.#writer.size - offset;
    for await (const chunk of body) {
      const fresh = chunk.subarray(Math.min(known, chunk.length));
      known -= chunk.length - fresh.length;
      if (this.#writer.size + fresh.length > size) {
        throw new GantryError('CORRUPT', `${repository.host} sent more than the ${size} bytes of blob ${digest}`);
      }
      await this.#writer.write(fresh);
      this.#report({ kind: 'downloading', bytes: this.#writer.size });
    }
    if (this.#writer.size === size) return;
    throw new GantryError(
      'UNAVAILABLE',
      `${repository.host} sent ${this.#writer.size} of the ${size} bytes of blob ${digest}`,
    );
  }
}
