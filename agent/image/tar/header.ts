/** The 512-byte header block of a tar entry: ustar (POSIX.1-1988) with GNU's and PAX's extensions. */
import { GantryError } from '../../../proto/errors.ts';
import { nameOfBytes } from '../../files/file-names.ts';

export const BLOCK_SIZE = 512;

export type TarEntryType = 'file' | 'link' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';

export interface TarHeader {
  /** As in the archive: unchecked, may be absolute or hold "..". */
  readonly name: string;
  readonly type: TarEntryType;
  /** Target of a link or symlink; otherwise empty. */
  readonly linkName: string;
  /** Permission bits with setuid, setgid and sticky; no S_IFMT bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of data that follow; 0 for all but files. */
  readonly size: number;
  /** Seconds since the epoch, possibly with a fraction. */
  readonly mtime: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** A header block's fields before PAX and GNU long names are applied. */
export interface RawHeader {
  readonly name: string;
  readonly typeflag: string;
  readonly linkName: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

const LONGEST_SHOWN = 200;

/** A name from an archive for a message: one line, of a length that can be read, and nothing that moves a cursor. */
export function shownName(name: string): string {
  const shown = name.length > LONGEST_SHOWN ? `${name.slice(0, LONGEST_SHOWN)}...` : name;
  return JSON.stringify(shown).replace(
    /[\p{Cc}\p{Cf}]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

export function tarError(message: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `tar archive: ${message}`);
}

/** Reads one block; undefined for a block of zeros, which ends an archive. Throws on a wrong checksum. */
export function parseHeaderBlock(block: Buffer): RawHeader | undefined {
  const expected = block[148] === 0 && block[0] === 0 ? 0 : parseNumber(block, 148, 8);
  const sum = checksum(block);
  // 8 spaces stand for the checksum field itself, so a block of zeros sums up to them.
  if (sum === 8 * 32 && expected === 0) return undefined;
  if (sum !== expected) throw tarError('wrong checksum in a header: not a tar archive, or damaged');
  const gnu = block[262] === 0x20;
  const ustar = block.toString('latin1', 257, 262) === 'ustar' && !gnu;
  const prefix = ustar ? parseText(block, 345, 155) : '';
  const name = parseText(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    typeflag: String.fromCharCode(block[156] ?? 0),
    linkName: parseText(block, 157, 100),
    mode: parseNumber(block, 100, 8) & 0o7777,
    uid: parseNumber(block, 108, 8),
    gid: parseNumber(block, 116, 8),
    size: parseSize(block),
    mtime: parseNumber(block, 136, 12),
    deviceMajor: ustar || gnu ? parseNumber(block, 329, 8) : 0,
    deviceMinor: ustar || gnu ? parseNumber(block, 337, 8) : 0,
  };
}

function parseSize(block: Buffer): number {
  const size = parseNumber(block, 124, 12);
  if (size < 0) throw tarError('an entry has a negative size');
  return size;
}

/** Sum of the block's bytes as unsigned numbers, with the checksum field taken as spaces. */
export function checksum(block: Buffer): number {
  let sum = 8 * 32;
  for (let index = 0; index < 148; index++) sum += block[index] ?? 0;
  for (let index = 156; index < BLOCK_SIZE; index++) sum += block[index] ?? 0;
  return sum;
}

/** Text up to the first NUL. */
function parseText(block: Buffer, start: number, length: number): string {
  let end = start;
  while (end < start + length && block[end] !== 0) end++;
  return nameOfBytes(block.subarray(start, end));
}

/** Octal digits, or base-256 (GNU) when the first byte's high bit is set. */
export function parseNumber(block: Buffer, start: number, length: number): number {
  const first = block[start] ?? 0;
  return first & 0x80 ? parseBase256(block, start, length) : parseOctal(block, start, length);
}

function parseOctal(block: Buffer, start: number, length: number): number {
  let value = 0;
  let digits = 0;
  for (let index = start; index < start + length; index++) {
    const byte = block[index] ?? 0;
    const blank = byte === 0x20 || byte === 0;
    if (blank && digits === 0) continue;
    if (blank) break;
    if (byte < 0x30 || byte > 0x37) throw tarError('a header field is not a number: not a tar archive, or damaged');
    value = value * 8 + (byte - 0x30);
    digits++;
  }
  return value;
}

function parseBase256(block: Buffer, start: number, length: number): number {
  const negative = ((block[start] ?? 0) & 0x40) !== 0;
  let value = BigInt((block[start] ?? 0) & 0x7f);
  for (let index = start + 1; index < start + length; index++) value = (value << 8n) | BigInt(block[index] ?? 0);
  if (negative) value -= 1n << BigInt(length * 8 - 1);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw tarError('a header field is out of range');
  return number;
}
