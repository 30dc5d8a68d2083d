/** Layers and archives come plain, gzip or zstd; their first bytes say which, whatever a media type claims. */
import { closeSync, openSync, readSync } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { GantryError } from '../../proto/errors.ts';
import { ZstdFrameSplitter } from './zstd-frames.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

const MAGIC: readonly (readonly [Compression | 'bzip2' | 'xz', readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
];

/** How many first bytes {@link detectCompression} wants to see. */
export const MAGIC_BYTES = 6;

/** Throws UNSUPPORTED for formats that are known and not read here. */
export function detectCompression(start: Uint8Array): Compression {
  const found = MAGIC.find(([, magic]) => magic.every((byte, index) => start[index] === byte))?.[0] ?? 'none';
  if (found === 'bzip2' || found === 'xz') {
    throw new GantryError('UNSUPPORTED', `the archive is compressed with ${found}`, {
      hint: 'use gzip, zstd or no compression',
    });
  }
  return found;
}

/** Whether a file isn't compressed. Throws as {@link detectCompression}. */
export function isPlain(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const start = Buffer.alloc(MAGIC_BYTES);
    readSync(fd, start, 0, MAGIC_BYTES, 0);
    return detectCompression(start) === 'none';
  } finally {
    closeSync(fd);
  }
}

/** The stream without its compression. Breaking off the iteration closes the source. */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    const start = await readStart(iterator);
    const rest = resume(start, iterator);
    const compression = detectCompression(start);
    yield* compression === 'none' ? rest : throughDecoder(rest, compression);
  } finally {
    await iterator.return?.();
  }
}

/** The same, broken off with EXHAUSTED beyond `maxBytes`: what little data unpacks to may have no end. */
export async function* bounded(source: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new GantryError('EXHAUSTED', `it unpacks to more than the ${maxBytes} bytes allowed`);
    yield chunk;
  }
}

async function readStart(iterator: AsyncIterator<Uint8Array>): Promise<Buffer> {
  let start = Buffer.alloc(0);
  while (start.length < MAGIC_BYTES) {
    const next = await iterator.next();
    if (next.done === true) break;
    start = start.length === 0 ? asBuffer(next.value) : Buffer.concat([start, next.value]);
  }
  return start;
}

async function* resume(start: Buffer, iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Buffer> {
  if (start.length > 0) yield start;
  for (;;) {
    const next = await iterator.next();
    if (next.done === true) return;
    yield asBuffer(next.value);
  }
}

async function* throughDecoder(source: AsyncIterable<Buffer>, compression: 'gzip' | 'zstd'): AsyncGenerator<Buffer> {
  const chunkSize = 1 << 18;
  const decoder = compression === 'gzip' ? createGunzip({ chunkSize }) : createZstdDecompress({ chunkSize });
  // The decoder is destroyed with the error, and the iteration below throws it.
  const input = compression === 'zstd' ? byFrame(source) : source;
  pipeline(Readable.from(input, { objectMode: false }), decoder, () => undefined);
  try {
    for await (const chunk of decoder) yield chunk as Buffer;
  } catch (error) {
    if (error instanceof GantryError || !(error instanceof Error) || !('errno' in error)) throw error;
    throw new GantryError('INVALID_ARGUMENT', `damaged ${compression} data: ${error.message}`, { cause: error });
  }
}

async function* byFrame(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const splitter = new ZstdFrameSplitter();
  for await (const chunk of source) yield* splitter.push(chunk);
}

function asBuffer(bytes: Uint8Array): Buffer<ArrayBuffer> {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}
