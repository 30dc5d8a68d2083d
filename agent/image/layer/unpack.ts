/** A layer's blob, or any tar, unpacked into a directory while its uncompressed bytes are hashed. */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import type { Digest } from '../../../proto/ids.ts';
import { bounded, decompress, detectCompression, isPlain } from '../compression.ts';
import { finishDigest } from '../content-store.ts';
import { TarDecoder } from '../tar/decoder.ts';
import { type Applied, type ApplyOptions, TarApplier } from './applier.ts';
import type { LayerNative } from './layer-native.ts';
import { mostTarBytes } from './limits.ts';

const READ_BYTES = 1 << 20;

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
    for await (const chunk of bounded(readTar(job.archive), mostTarBytes(job.options))) {
      if (verified === undefined) hash.update(chunk);
      for (const event of decoder.push(chunk)) applier.apply(event);
    }
    decoder.finish();
    return { ...applier.finish(), diffId: verified ?? finishDigest(hash) };
  } finally {
    applier.close();
  }
}

/**
 * The archive without its compression. Each chunk is only good until the next one is asked for: where nothing is to be
 * decompressed all come in the same buffer, since new ones would keep the garbage collector busier than the files are.
 */
async function* readTar(archive: string): AsyncGenerator<Buffer> {
  const fd = openSync(archive, 'r');
  try {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const first = buffer.subarray(0, readSync(fd, buffer));
    if (detectCompression(first) !== 'none') {
      yield* decompress(createReadStream(archive, { highWaterMark: READ_BYTES }));
      return;
    }
    for (let read = first.length; read > 0; read = readSync(fd, buffer)) yield buffer.subarray(0, read);
  } finally {
    closeSync(fd);
  }
}
