/**
 * Names of files in no encoding. To Linux a name is bytes; here it is text, and of UTF-8 that is the same. A byte that isn't
 * UTF-8 is the lone surrogate U+DC00 + byte, which UTF-8 can't hold, so that the bytes can be had again (as PEP 383 has it).
 */
import { isUtf8 } from 'node:buffer';
import { readdirSync, readlinkSync } from 'node:fs';

const ESCAPE_BASE = 0xdc00;
const ESCAPED = /([\u{dc80}-\u{dcff}]+)/u;
/** What Node makes of bytes that it can't read. */
const UNREADABLE = '\ufffd';
const LONGEST_CHARACTER = 4;

export function nameOfBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  let name = '';
  for (let offset = 0; offset < bytes.length; ) {
    const length = characterLength(bytes, offset);
    if (length === 0) name += String.fromCharCode(ESCAPE_BASE + (bytes[offset] ?? 0));
    else name += bytes.toString('utf8', offset, offset + length);
    offset += Math.max(1, length);
  }
  return name;
}

export function bytesOfName(name: string): Buffer {
  const parts = name.split(ESCAPED);
  return Buffer.concat(
    parts.map((part, index) =>
      index % 2 === 0 ? Buffer.from(part) : Buffer.from(part.replaceAll(/./gu, unescaped), 'latin1'),
    ),
  );
}

/** A path as node:fs and the addon take it. */
export function filePath(path: string): string | Buffer {
  return ESCAPED.test(path) ? bytesOfName(path) : path;
}

/** What is in a directory, in no particular order. */
export function namesIn(directory: string): string[] {
  const path = filePath(directory);
  const names = readdirSync(path);
  if (!names.some((name) => name.includes(UNREADABLE))) return names;
  return readdirSync(path, { encoding: 'buffer' }).map(nameOfBytes);
}

/** What a symbolic link leads to. */
export function linkTarget(link: string): string {
  const target = readlinkSync(filePath(link));
  return target.includes(UNREADABLE) ? nameOfBytes(readlinkSync(filePath(link), { encoding: 'buffer' })) : target;
}

/** 0 for a byte that no character begins with. */
function characterLength(bytes: Buffer, offset: number): number {
  for (let length = 1; length <= LONGEST_CHARACTER && offset + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(offset, offset + length))) return length;
  }
  return 0;
}

function unescaped(character: string): string {
  return String.fromCharCode(character.charCodeAt(0) - ESCAPE_BASE);
}
