/** Tar entries as bytes: ustar where it suffices, PAX where it doesn't. Deterministic: same entry, same bytes. */
import { bytesOfName } from '../../files/file-names.ts';
import { compareText } from '../text-order.ts';
import { BLOCK_SIZE, checksum, type TarEntryType, type TarHeader } from './header.ts';
import { encodePaxRecord, XATTR_PREFIX } from './pax.ts';

const TYPEFLAGS: Readonly<Record<TarEntryType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** Largest numbers that 7 and 11 octal digits hold. */
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;

/** Two blocks of zeros end an archive. */
export const END_OF_ARCHIVE: Buffer = Buffer.alloc(2 * BLOCK_SIZE);

/** The header's blocks, extended header first if one is needed. Times are cut to the second. */
export function encodeHeader(header: TarHeader): Buffer {
  const name = header.type === 'directory' && !header.name.endsWith('/') ? `${header.name}/` : header.name;
  const mtime = Math.floor(header.mtime);
  const records: Buffer[] = [];
  const note = (key: string, value: string): void => void records.push(encodePaxRecord(key, bytesOfName(value)));
  if (!fitsText(name)) note('path', name);
  if (!fitsText(header.linkName)) note('linkpath', header.linkName);
  if (header.size > MAX_OCTAL_11) note('size', String(header.size));
  if (header.uid > MAX_OCTAL_7) note('uid', String(header.uid));
  if (header.gid > MAX_OCTAL_7) note('gid', String(header.gid));
  if (mtime < 0 || mtime > MAX_OCTAL_11) note('mtime', String(mtime));
  for (const key of [...header.xattrs.keys()].sort(compareText)) {
    records.push(encodePaxRecord(XATTR_PREFIX + key, header.xattrs.get(key) ?? Buffer.alloc(0)));
  }
  const block = encodeBlock({ ...header, name, mtime }, TYPEFLAGS[header.type]);
  if (records.length === 0) return block;
  return Buffer.concat([encodeExtension(Buffer.concat(records)), block]);
}

/** Zeros that fill the last block of `size` bytes of data. */
export function padding(size: number): Buffer {
  return END_OF_ARCHIVE.subarray(0, (BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE);
}

function fitsText(text: string): boolean {
  // Only ASCII: what readers make of other bytes without a PAX header depends on their locale.
  return text.length <= 100 && /^[\x20-\x7e]*$/.test(text);
}

function encodeExtension(data: Buffer): Buffer {
  const header: TarHeader = {
    name: 'PaxHeaders/entry',
    type: 'file',
    linkName: '',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: data.length,
    mtime: 0,
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
  };
  return Buffer.concat([encodeBlock(header, 'x'), data, padding(data.length)]);
}

/** Values that don't fit are cut: the extended header before the block has them in full. */
function encodeBlock(header: TarHeader, typeflag: string): Buffer {
  const block = Buffer.alloc(BLOCK_SIZE);
  block.write(
    fitsText(header.name) ? header.name : header.name.replace(/[^\x20-\x7e]/g, '_').slice(0, 100),
    0,
    'latin1',
  );
  writeOctal(block, header.mode, 100, 8);
  writeOctal(block, fits(header.uid, MAX_OCTAL_7), 108, 8);
  writeOctal(block, fits(header.gid, MAX_OCTAL_7), 116, 8);
  writeOctal(block, fits(header.size, MAX_OCTAL_11), 124, 12);
  writeOctal(block, fits(header.mtime, MAX_OCTAL_11), 136, 12);
  block.write(typeflag, 156, 'latin1');
  block.write(fitsText(header.linkName) ? header.linkName : '', 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  writeOctal(block, header.deviceMajor, 329, 8);
  writeOctal(block, header.deviceMinor, 337, 8);
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function fits(value: number, max: number): number {
  return value >= 0 && value <= max ? value : 0;
}

function writeOctal(block: Buffer, value: number, offset: number, length: number): void {
  block.write(value.toString(8).padStart(length - 1, '0'), offset, 'latin1');
}
