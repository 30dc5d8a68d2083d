/**
 * Image archives: docker-archive (manifest.json) and OCI layout (index.json). Every file of the archive goes into
 * the content store as it comes, so that nothing larger than a chunk is held in memory; what turns out to belong to
 * no image is garbage, collected later.
 */
import { posix } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import { type Digest, isDigest } from '../../proto/ids.ts';
import type { BlobWriter } from './blob-writer.ts';
import { bounded, decompress } from './compression.ts';
import type { Blob } from './content-store.ts';
import type { LeasedContent } from './leased-content.ts';
import { TarDecoder, type TarEvent } from './tar/decoder.ts';
import { shownName, type TarHeader } from './tar/header.ts';

/** A layout of 127 layers has some 400 files. */
const MAX_FILES = 20_000;
/** Of all files as they come out of the archive's compression, so that a small archive can't fill every disk. */
const MAX_BYTES = 256 * 2 ** 30;
/** With headers, and what is no file. */
const MAX_STREAM_BYTES = MAX_BYTES + 2 ** 30;
const PATH_MAX = 4096;
const ZEROS = Buffer.alloc(1 << 18);

export class SpooledArchive {
  readonly #files: ReadonlyMap<string, Blob>;
  readonly #links: ReadonlyMap<string, string>;

  constructor(files: ReadonlyMap<string, Blob>, links: ReadonlyMap<string, string>) {
    this.#files = files;
    this.#links = links;
  }

  /** A file of the archive by its path; links, which older docker-archives use for shared layers, are followed. */
  find(path: string): Blob | undefined {
    let current = posix.normalize(path);
    for (let hops = 0; hops < 8; hops++) {
      const file = this.#files.get(current);
      if (file !== undefined) return file;
      const target = this.#links.get(current);
      if (target === undefined) return undefined;
      current = target;
    }
    return undefined;
  }

  /** Of its files, without links. */
  paths(): string[] {
    return [...this.#files.keys()];
  }

  /** Like {@link find}. Throws INVALID_ARGUMENT, naming the image that needs the file. */
  get(path: string, image: string): Blob {
    const file = this.find(path);
    if (file !== undefined) return file;
    throw new GantryError('INVALID_ARGUMENT', `the archive lacks ${shownName(path)} of ${image}`);
  }
}

/** Reads the archive to its end; `arrived` is told of each file that wasn't there before. Throws INVALID_ARGUMENT for what is no archive, CORRUPT for a blob that isn't what its name says. */
export async function spoolArchive(
  archive: AsyncIterable<Uint8Array>,
  content: LeasedContent,
  arrived: (blob: Blob) => void,
): Promise<SpooledArchive> {
  const spooler = new Spooler(content, arrived);
  const decoder = new TarDecoder();
  try {
    for await (const chunk of bounded(decompress(archive), MAX_STREAM_BYTES)) {
      for (const event of decoder.push(chunk)) await spooler.take(event);
    }
    decoder.finish();
    return await spooler.finish();
  } finally {
    await spooler.close();
  }
}

interface OpenFile {
  readonly path: string;
  readonly expected: Digest | undefined;
  /** Undefined when the content store has the blob already. */
  readonly writer: BlobWriter | undefined;
}

class Spooler {
  readonly #content: LeasedContent;
  readonly #files = new Map<string, Blob>();
  readonly #links = new Map<string, string>();
  readonly #arrived: (blob: Blob) => void;
  #open: OpenFile | undefined;
  /** The file before, which is synced while the next one comes. */
  #committing: Promise<void> = Promise.resolve();
  #bytes = 0;

  constructor(content: LeasedContent, arrived: (blob: Blob) => void) {
    this.#content = content;
    this.#arrived = arrived;
  }

  async take(event: TarEvent): Promise<void> {
    if (event.kind === 'entry') await this.#begin(event.header);
    else if (event.kind === 'data') await this.#open?.writer?.write(event.data);
    else if (event.kind === 'hole') await this.#fill(event.size);
    else await this.#end();
  }

  async #fill(size: number): Promise<void> {
    for (let left = size; left > 0; left -= ZEROS.length) await this.#open?.writer?.write(ZEROS.subarray(0, left));
  }

  async finish(): Promise<SpooledArchive> {
    await this.#committing;
    return new SpooledArchive(this.#files, this.#links);
  }

  async close(): Promise<void> {
    // Its failure has been thrown, or another one has been that came first.
    await this.#committing.catch(() => undefined);
    await this.#open?.writer?.abort();
    this.#open = undefined;
  }

  async #begin(header: TarHeader): Promise<void> {
    const path = posix.normalize(header.name);
    // They are held in memory, all of them.
    if (Math.max(path.length, header.linkName.length) > PATH_MAX) {
      throw new GantryError('INVALID_ARGUMENT', `the archive's file ${shownName(path)} has too long a name`);
    }
    if (this.#files.size + this.#links.size >= MAX_FILES) {
      throw new GantryError('INVALID_ARGUMENT', `an image archive of more than ${MAX_FILES} files`, {
        hint: 'for the tar of a root file system use "gantry image import"',
      });
    }
    if (header.type === 'symlink') this.#links.set(path, posix.join(posix.dirname(path), header.linkName));
    if (header.type === 'link') this.#links.set(path, posix.normalize(header.linkName));
    if (header.type !== 'file') return;
    this.#bytes += header.size;
    if (this.#bytes > MAX_BYTES) {
      throw new GantryError('EXHAUSTED', `an image archive of more than the ${MAX_BYTES} bytes allowed`);
    }
    const expected = blobDigest(path);
    if (expected !== undefined && this.#content.has(expected)) {
      this.#files.set(path, { digest: expected, size: this.#content.size(expected) });
      this.#open = { path, expected, writer: undefined };
      return;
    }
    this.#open = { path, expected, writer: await this.#content.writer() };
  }

  async #end(): Promise<void> {
    const file = this.#open;
    if (file?.writer === undefined) return;
    await this.#committing;
    this.#open = undefined;
    this.#committing = this.#commit(file.writer, file);
    // Thrown where it is waited for.
    this.#committing.catch(() => undefined);
  }

  async #commit(writer: BlobWriter, { path, expected }: OpenFile): Promise<void> {
    try {
      const blob = await writer.commit(expected === undefined ? {} : { digest: expected });
      this.#files.set(path, blob);
      this.#arrived(blob);
    } catch (error) {
      await writer.abort();
      if (!(error instanceof GantryError)) throw error;
      throw new GantryError(error.code, `the archive's file ${shownName(path)}: ${error.message}`, { cause: error });
    }
  }
}

function blobDigest(path: string): Digest | undefined {
  const [, hex] = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path) ?? [];
  const digest = `sha256:${hex}`;
  return isDigest(digest) ? digest : undefined;
}
