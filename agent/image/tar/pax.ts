/** PAX extended headers (POSIX.1-2001, pax "x" and "g" records): "LENGTH KEY=VALUE\n". */
import { nameOfBytes } from '../../files/file-names.ts';
import { type RawHeader, tarError } from './header.ts';

/** Values stay bytes: those of extended attributes are binary. */
export type PaxRecords = ReadonlyMap<string, Buffer>;

export const XATTR_PREFIX = 'SCHILY.xattr.';

/** Where a sparse file's data belong: "OFFSET,LENGTH,OFFSET,LENGTH". */
export const SPARSE_MAP = 'GNU.sparse.map';
/** The same in PAX 0.0: one record for each number, again and again. */
const SPARSE_NUMBERS = ['GNU.sparse.offset', 'GNU.sparse.numbytes'];
const MAX_DIGITS = 11;
const RECORD_LENGTH = /^[1-9]\d{0,9}$/;

/** Reads all records of one extended header. Throws on a malformed one. */
export function parsePax(data: Buffer): PaxRecords {
  const records = new Map<string, Buffer>();
  const sparse: Buffer[] = [];
  for (let offset = 0; offset < data.length; ) {
    const { key, value, end } = parseRecord(data, offset);
    records.set(key, value);
    if (SPARSE_NUMBERS.includes(key)) {
      if (key !== SPARSE_NUMBERS[sparse.length % 2]) throw tarError('malformed PAX header');
      sparse.push(value);
    }
    offset = end;
  }
  if (sparse.length > 0) records.set(SPARSE_MAP, Buffer.from(sparse.map((number) => number.toString('latin1')).join()));
  return records;
}

function parseRecord(data: Buffer, offset: number): { key: string; value: Buffer; end: number } {
  const space = data.indexOf(0x20, offset);
  const digits = space === -1 ? '' : data.toString('latin1', offset, Math.min(space, offset + MAX_DIGITS));
  const end = offset + Number(digits);
  const equals = data.indexOf(0x3d, space + 1);
  const isWhole = RECORD_LENGTH.test(digits) && end <= data.length && data[end - 1] === 0x0a;
  if (!isWhole || equals === -1 || equals >= end) throw tarError('malformed PAX header');
  const key = nameOfBytes(data.subarray(space + 1, equals));
  if (key.includes('\0')) throw tarError('malformed PAX header');
  return { key, value: data.subarray(equals + 1, end - 1), end };
}

/** One record; its length counts itself. */
export function encodePaxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + String(rest.length).length;
  if (String(length).length + rest.length !== length) length = rest.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** The header with what the records say instead; an empty value takes a record back. */
export function applyPax(header: RawHeader, records: PaxRecords): RawHeader {
  if (records.size === 0) return header;
  const sparseName = records.has(SPARSE_MAP) || records.has('GNU.sparse.major') ? 'GNU.sparse.name' : 'path';
  return {
    ...header,
    name: text(records, sparseName) ?? text(records, 'path') ?? header.name,
    linkName: text(records, 'linkpath') ?? header.linkName,
    size: number(records, 'size') ?? header.size,
    uid: number(records, 'uid') ?? header.uid,
    gid: number(records, 'gid') ?? header.gid,
    mtime: number(records, 'mtime') ?? header.mtime,
  };
}

const NO_XATTRS: ReadonlyMap<string, Buffer> = new Map();

export function paxXattrs(records: PaxRecords): ReadonlyMap<string, Buffer> {
  let xattrs: Map<string, Buffer> | undefined;
  for (const [key, value] of records) {
    if (!key.startsWith(XATTR_PREFIX)) continue;
    xattrs ??= new Map();
    xattrs.set(key.slice(XATTR_PREFIX.length), value);
  }
  return xattrs ?? NO_XATTRS;
}

function text(records: PaxRecords, key: string): string | undefined {
  const value = records.get(key);
  if (value === undefined || value.length === 0) return undefined;
  if (value.includes(0)) throw tarError(`PAX record "${key}" holds a NUL`);
  return nameOfBytes(value);
}

const WHOLE = /^\d{1,16}$/;
const DECIMAL = /^-?\d{1,16}(?:\.\d*)?$/;

function number(records: PaxRecords, key: string): number | undefined {
  const value = records.get(key);
  if (value === undefined || value.length === 0) return undefined;
  const text = value.length > 64 ? '' : value.toString('latin1');
  const number = Number(text);
  const isValid = (key === 'mtime' ? DECIMAL : WHOLE).test(text) && Math.abs(number) <= Number.MAX_SAFE_INTEGER;
  if (!isValid) throw tarError(`PAX record "${key}" is not a number`);
  return number;
}
