/** PAX extended headers (POSIX.1-2001, pax "x" and "g" records): "LENGTH KEY=VALUE\n". */
import { nameOfBytes } from '../../files/file-names.ts';
import { type RawHeader, tarError } from './header.ts';

/** Values stay bytes: those of extended attributes are binary. */
export type PaxRecords = ReadonlyMap<string, Buffer>;

export const XATTR_PREFIX = 'SCHILY.xattr.';

/** Reads all records of one extended header. Throws on a malformed one. */
export function parsePax(data: Buffer): PaxRecords {
  const records = new Map<string, Buffer>();
  let offset = 0;
  while (offset < data.length) {
    const space = data.indexOf(0x20, offset);
    const length = space === -1 ? Number.NaN : Number(data.toString('latin1', offset, space));
    const end = offset + length;
    if (!Number.isInteger(length) || end > data.length || data[end - 1] !== 0x0a)
      throw tarError('malformed PAX header');
    const equals = data.indexOf(0x3d, space + 1);
    if (equals === -1 || equals >= end) throw tarError('malformed PAX header');
    records.set(nameOfBytes(data.subarray(space + 1, equals)), data.subarray(equals + 1, end - 1));
    offset = end;
  }
  return records;
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
  return {
    ...header,
    name: text(records, 'path') ?? header.name,
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

function number(records: PaxRecords, key: string): number | undefined {
  const value = records.get(key);
  if (value === undefined || value.length === 0) return undefined;
  const parsed = Number(value.toString('latin1'));
  const valid = key === 'mtime' ? Number.isFinite(parsed) : Number.isSafeInteger(parsed) && parsed >= 0;
  if (!valid) throw tarError(`PAX record "${key}" is not a number`);
  return parsed;
}
