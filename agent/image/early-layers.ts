/**
 * Layers of an archive that is still being read: which of its files are layers, and of what, is only said at its end, yet a
 * large tar in an image archive hardly ever is anything else. So it is unpacked at once, and thrown away if nobody asks.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { Digest } from '../../proto/ids.ts';
import { type Compression, detectCompression } from './compression.ts';
import type { Blob } from './content-store.ts';
import type { Unpacked } from './layer/unpack.ts';
import { BLOCK_SIZE, parseHeaderBlock } from './tar/header.ts';

export interface UnpackedDirectory {
  /** The owner's to rename, or to discard. */
  readonly directory: string;
  readonly unpacked: Unpacked;
}

export interface EarlyLayersParts {
  /** `verified`: see UnpackJob. */
  readonly unpack: (archive: string, verified: Digest | undefined) => Promise<UnpackedDirectory>;
  readonly discard: (directory: string) => Promise<void>;
  /** A layer of that diff id is there. */
  readonly isUnpacked: (diffId: Digest) => boolean;
}

/** What is smaller takes no time worth saving. */
const LEAST_BYTES = 1 << 20;

export class EarlyLayers {
  readonly #parts: EarlyLayersParts;
  /** By the digest of the blob. */
  readonly #begun = new Map<Digest, Promise<UnpackedDirectory>>();

  constructor(parts: EarlyLayersParts) {
    this.#parts = parts;
  }

  /** Begins to unpack a blob that lies at `archive`, if that is worth it. True: the caller must {@link drop} it in the end. */
  begin({ digest, size }: Blob, archive: string): boolean {
    if (size < LEAST_BYTES || this.#begun.has(digest)) return false;
    const compression = layerCompression(archive);
    if (compression === undefined || this.#parts.isUnpacked(digest)) return false;
    const work = this.#parts.unpack(archive, compression === 'none' ? digest : undefined);
    // Whoever wants it unpacks it again, and tells of the failure.
    work.catch(() => undefined);
    this.#begun.set(digest, work);
    return true;
  }

  /** When it is unpacked; undefined when that hasn't begun, or has failed. It is the caller's then. */
  async take(digest: Digest): Promise<UnpackedDirectory | undefined> {
    const work = this.#begun.get(digest);
    this.#begun.delete(digest);
    return await work?.catch(() => undefined);
  }

  /** Removes what nobody has taken. */
  async drop(digest: Digest): Promise<void> {
    const left = await this.take(digest);
    if (left !== undefined) await this.#parts.discard(left.directory);
  }
}

/** Undefined for what is no tar, as far as its start tells. */
function layerCompression(path: string): Compression | undefined {
  const start = Buffer.alloc(BLOCK_SIZE);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, start);
    const compression = detectCompression(start);
    return compression !== 'none' || parseHeaderBlock(start) !== undefined ? compression : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}
