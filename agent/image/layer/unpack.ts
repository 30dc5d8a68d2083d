/** A layer's blob, or any tar, unpacked into a directory while its uncompressed bytes are hashed. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Digest } from '../../../proto/ids.ts';
import { bounded, decompress, isPlain } from '../compression.ts';
import { finishDigest } from '../content-store.ts';
import { TarDecoder } from '../tar/decoder.ts';
import { type Applied, type ApplyOptions, type LayerNative, TarApplier } from './applier.ts';
import { mostTarBytes } from './limits.ts';

export interface UnpackJob {
  readonly kind: 'unpack';
  /** A tar, plain, gzip or zstd. */
  readonly archive: string;
  /** An existing directory. */
  readonly target: string;
  readonly options: ApplyOptions;
  /** The archive's digest, if it has been verified: one that isn't compressed needn't be hashed again. */
  readonly verified: Digest | undefined;
}

export interface Unpacked extends Applied {
  /** Of the uncompressed tar, to its last byte. */
  readonly diffId: Digest;
}

/** Leaves a half-filled directory behind when it throws; the caller removes it. */
export async function unpack(job: UnpackJob, native: LayerNative): Promise<Unpacked> {
  // An image that gives a compressed layer's digest for that of what it unpacks to is not to be believed.
  const verified = job.verified !== undefined && isPlain(job.archive) ? job.verified : undefined;
  const hash = createHash('sha256');
  const decoder = new TarDecoder();
  const applier = new TarApplier(job.target, native, job.options);
  try {
    const stored = createReadStream(job.archive, { highWaterMark: 1 << 20 });
    for await (const chunk of bounded(decompress(stored), mostTarBytes(job.options))) {
      if (verified === undefined) hash.update(chunk);
      for (const event of decoder.push(chunk)) applier.apply(event);
    }
    decoder.finish();
    return { ...applier.finish(), diffId: verified ?? finishDigest(hash) };
  } finally {
    applier.close();
  }
}
