/**
 * Finds where zstd frames end (RFC 8878, section 3). Node's decoder stops at the first frame end within a chunk and
 * drops the rest, yet layers of many frames are common (zstd:chunked); it goes on when chunks end where frames do.
 * Pure.
 */
import { GantryError } from '../../proto/errors.ts';

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];
const RLE_BLOCK = 1;

/** What the next bytes are, and how many it takes to know what comes then. */
type Expected = 'magic' | 'skippable-size' | 'descriptor' | 'block';

export class ZstdFrameSplitter {
  #expected: Expected = 'magic';
  /** Bytes of a field that a chunk's end has cut. */
  #field: number[] = [];
  /** Bytes to be passed over before the next field. */
  #skip = 0;
  /** The frame ends when they are. */
  #lastBlock: boolean = false;
  #checksumBytes = 0;

  /** The chunk in pieces, each of which ends no later than a frame does. Throws INVALID_ARGUMENT. */
  push(chunk: Buffer): Buffer[] {
    const pieces: Buffer[] = [];
    let start = 0;
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - offset);
        this.#skip -= skipped;
        offset += skipped;
      } else {
        this.#field.push(chunk[offset++] ?? 0);
        if (this.#field.length === fieldBytes(this.#expected)) this.#interpret(this.#field.splice(0));
      }
      if (this.#skip === 0 && this.#lastBlock) {
        this.#lastBlock = false;
        this.#expected = 'magic';
        pieces.push(chunk.subarray(start, offset));
        start = offset;
      }
    }
    if (start < chunk.length) pieces.push(chunk.subarray(start));
    return pieces;
  }

  #interpret(bytes: readonly number[]): void {
    const value = bytes.reduce((sum, byte, index) => sum + byte * 2 ** (8 * index), 0);
    switch (this.#expected) {
      case 'magic':
        this.#expected = afterMagic(value);
        return;
      case 'skippable-size':
        this.#skip = value;
        this.#lastBlock = true;
        return;
      case 'descriptor':
        this.#skip = headerBytes(value);
        this.#checksumBytes = (value & 0x04) === 0 ? 0 : 4;
        this.#expected = 'block';
        return;
      case 'block':
        this.#lastBlock = (value & 1) === 1;
        this.#skip = ((value >> 1) & 3) === RLE_BLOCK ? 1 : value >>> 3;
        if (this.#lastBlock) this.#skip += this.#checksumBytes;
    }
  }
}

function fieldBytes(expected: Expected): number {
  if (expected === 'descriptor') return 1;
  return expected === 'block' ? 3 : 4;
}

function afterMagic(value: number): Expected {
  if (value === MAGIC) return 'descriptor';
  if (value >>> 4 === SKIPPABLE_MAGIC >>> 4) return 'skippable-size';
  throw new GantryError('INVALID_ARGUMENT', 'damaged zstd data: no frame where one should begin');
}

/** Of window descriptor, dictionary id and content size. */
function headerBytes(descriptor: number): number {
  const singleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const contentSize = sizeFlag === 0 && singleSegment ? 1 : (CONTENT_SIZE_BYTES[sizeFlag] ?? 0);
  return (singleSegment ? 0 : 1) + (DICTIONARY_ID_BYTES[descriptor & 3] ?? 0) + contentSize;
}
