/**
 * Files that are stored without their holes (GNU tar's manual, "Storing Sparse Files"): where their data belong. Four
 * notations of it: of old in the header block, and in PAX 0.0, 0.1 and 1.0. Pure.
 */
import { BLOCK_SIZE, parseNumber, type RawHeader, tarError } from './header.ts';
import { type PaxRecords, SPARSE_MAP } from './pax.ts';

/** Bytes of the file that the archive holds. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
}

export interface SparseLayout {
  readonly segments: readonly Segment[];
  /** Of the file, with its holes. */
  readonly realSize: number;
}

/** What a sparse entry's header leaves to be read from the blocks behind it. */
export type SparseStart =
  | { readonly kind: 'complete'; readonly layout: SparseLayout }
  /** More blocks of segments come between the header and the data. */
  | { readonly kind: 'blocks'; readonly segments: readonly Segment[]; readonly realSize: number }
  /** The data begin with the list, as text. */
  | { readonly kind: 'text'; readonly realSize: number };

/** Bound of what must be held in memory; a database of 100 GB has some ten thousand. */
const MAX_SEGMENTS = 1 << 18;
const IN_HEADER = { at: 386, count: 4, more: 482, realSize: 483 };
const IN_BLOCK = { at: 0, count: 21, more: 504 };
const NUMBER_BYTES = 12;
const PLAIN_FILES = new Set(['0', '\0', '7']);
/** Decimal digits of the largest number that counts exactly. */
const NUMBER = /^\d{1,16}$/;

/** Undefined for an entry that isn't sparse. `block` is its header block. Throws INVALID_ARGUMENT. */
export function sparseStart(raw: RawHeader, block: Buffer, records: PaxRecords): SparseStart | undefined {
  if (raw.typeflag === 'S') {
    const realSize = parseNumber(block, IN_HEADER.realSize, NUMBER_BYTES);
    const segments = segmentsIn(block, IN_HEADER);
    if (block[IN_HEADER.more] !== 0) return { kind: 'blocks', segments, realSize };
    return { kind: 'complete', layout: layoutOf(segments, realSize, raw.size) };
  }
  if (!PLAIN_FILES.has(raw.typeflag)) return undefined;
  const [major, minor] = ['GNU.sparse.major', 'GNU.sparse.minor'].map((key) => records.get(key)?.toString('latin1'));
  if (major === '1' && minor === '0') return { kind: 'text', realSize: realSizeOf(records, 'GNU.sparse.realsize') };
  if (major !== undefined && major !== '0') throw tarError('a sparse file of an unknown format');
  const map = records.get(SPARSE_MAP);
  if (map === undefined) return undefined;
  const numbers = map.length === 0 ? [] : map.toString('latin1').split(',').map(decimal);
  const realSize = realSizeOf(records, 'GNU.sparse.size');
  return { kind: 'complete', layout: layoutOf(pairs(numbers), realSize, raw.size) };
}

/** While they are being read. */
export function checkSegmentCount(segments: readonly Segment[]): void {
  if (segments.length > MAX_SEGMENTS) throw tarError(`a sparse file of more than ${MAX_SEGMENTS} pieces`);
}

/** One of the blocks behind an old header. */
export function sparseBlock(block: Buffer): { readonly segments: readonly Segment[]; readonly isLast: boolean } {
  return { segments: segmentsIn(block, IN_BLOCK), isLast: block[IN_BLOCK.more] === 0 };
}

/** Checks segments against each other and the file. `stored`: bytes of data in the archive. */
export function layoutOf(segments: readonly Segment[], realSize: number, stored: number): SparseLayout {
  checkSegmentCount(segments);
  let end = 0;
  let sum = 0;
  for (const { offset, length } of segments) {
    if (offset < end || length < 0 || offset + length > realSize) throw malformed();
    end = offset + length;
    sum += length;
  }
  if (sum !== stored || realSize < 0 || !Number.isSafeInteger(realSize)) throw malformed();
  return { segments, realSize };
}

/** PAX 1.0: the number of segments, then the two numbers of each, one a line; filled up to a whole block. */
export class SparseText {
  readonly #numbers: number[] = [];
  #line = '';
  #blocks = 0;

  /** Bytes of the entry's data that have been the list's. */
  get storedBytes(): number {
    return this.#blocks * BLOCK_SIZE;
  }

  /** Takes the next block; the segments when it was the last. */
  push(block: Buffer): readonly Segment[] | undefined {
    this.#blocks++;
    for (const byte of block) {
      if (byte !== 0x0a) {
        this.#line += String.fromCharCode(byte);
        if (this.#line.length > NUMBER_BYTES * 2) throw malformed();
        continue;
      }
      this.#numbers.push(decimal(this.#line));
      this.#line = '';
      const [count = 0] = this.#numbers;
      if (count > MAX_SEGMENTS) throw tarError(`a sparse file of more than ${MAX_SEGMENTS} pieces`);
      if (this.#numbers.length === 1 + 2 * count) return pairs(this.#numbers.slice(1));
    }
    return undefined;
  }
}

export type SparsePiece =
  | { readonly kind: 'data'; readonly data: Buffer }
  | { readonly kind: 'hole'; readonly size: number };

/** Puts the stored data where they belong. */
export class SparseBody {
  readonly #layout: SparseLayout;
  #index = 0;
  /** In the file. */
  #position = 0;

  constructor(layout: SparseLayout) {
    this.#layout = layout;
  }

  push(data: Buffer): SparsePiece[] {
    const pieces: SparsePiece[] = [];
    for (let taken = 0; taken < data.length; ) {
      const segment = this.#layout.segments[this.#index];
      if (segment === undefined) throw malformed();
      this.#hole(segment.offset, pieces);
      const left = segment.offset + segment.length - this.#position;
      if (left > 0) pieces.push({ kind: 'data', data: data.subarray(taken, taken + left) });
      const count = Math.min(left, data.length - taken);
      taken += count;
      this.#position += count;
      if (count === left) this.#index++;
    }
    return pieces;
  }

  /** The hole at the end. */
  finish(): SparsePiece[] {
    const pieces: SparsePiece[] = [];
    this.#hole(this.#layout.realSize, pieces);
    return pieces;
  }

  #hole(until: number, pieces: SparsePiece[]): void {
    if (until > this.#position) pieces.push({ kind: 'hole', size: until - this.#position });
    this.#position = Math.max(until, this.#position);
  }
}

/** Entries without length are fillers, or say where the file ends. */
function segmentsIn(block: Buffer, { at, count }: { readonly at: number; readonly count: number }): Segment[] {
  const segments: Segment[] = [];
  for (let index = 0; index < count; index++) {
    const start = at + index * 2 * NUMBER_BYTES;
    if (block[start + NUMBER_BYTES] === 0) break;
    const offset = parseNumber(block, start, NUMBER_BYTES);
    const length = parseNumber(block, start + NUMBER_BYTES, NUMBER_BYTES);
    if (offset < 0) throw malformed();
    segments.push({ offset, length });
  }
  return segments;
}

function pairs(numbers: readonly number[]): Segment[] {
  if (numbers.length % 2 !== 0) throw malformed();
  const segments: Segment[] = [];
  for (let index = 0; index < numbers.length; index += 2) {
    segments.push({ offset: numbers[index] ?? 0, length: numbers[index + 1] ?? 0 });
  }
  return segments;
}

function realSizeOf(records: PaxRecords, key: string): number {
  return decimal(records.get(key)?.toString('latin1') ?? '');
}

function decimal(text: string): number {
  const number = Number(text);
  if (!NUMBER.test(text) || !Number.isSafeInteger(number)) throw malformed();
  return number;
}

function malformed(): Error {
  return tarError('malformed list of the pieces of a sparse file');
}
