/**
 * A tar archive as events. Pure and synchronous: it is fed chunks as they come and holds no more than one chunk
 * and one extended header. (tar-stream, which npm has, decodes xattr values as text and so breaks file capabilities.)
 */
import { BLOCK_SIZE, parseHeaderBlock, type RawHeader, type TarEntryType, type TarHeader, tarError } from './header.ts';
import { applyPax, type PaxRecords, parsePax, paxXattrs } from './pax.ts';

export type TarEvent =
  | { readonly kind: 'entry'; readonly header: TarHeader }
  /** Data of the last entry; a view of the chunk that was pushed. */
  | { readonly kind: 'data'; readonly data: Buffer }
  /** All of the last entry has come; sent for entries without data, too. */
  | { readonly kind: 'end' };

/** Bound of what must be held in memory: an extended header with its xattrs. */
const MAX_EXTENSION_BYTES = 1 << 20;

const TYPES: Readonly<Record<string, TarEntryType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

/** Typeflags whose data describe the next entry, or all that follow. */
const EXTENSIONS = new Set(['x', 'X', 'g', 'L', 'K']);

export class TarDecoder {
  #partial: Buffer = Buffer.alloc(0);
  #remaining = 0;
  #padding = 0;
  #extension: { readonly flag: string; readonly chunks: Buffer[] } | undefined;
  #inEntry: boolean = false;
  #ended = false;
  #global: PaxRecords = new Map();
  #next: Map<string, Buffer> = new Map();
  #events: TarEvent[] = [];

  /** Takes the next bytes of the archive and returns what they complete. Throws INVALID_ARGUMENT, UNSUPPORTED. */
  push(chunk: Buffer): TarEvent[] {
    this.#events = [];
    let offset = 0;
    while (offset < chunk.length && !this.#ended) {
      if (this.#remaining > 0) offset = this.#body(chunk, offset);
      else if (this.#padding > 0) offset = this.#skip(chunk, offset);
      else offset = this.#header(chunk, offset);
    }
    return this.#events;
  }

  /**
   * To be called at the end of the input. Throws when the archive was cut off within an entry. The last one's padding
   * and the blocks of zeros may be missing: umoci leaves them out, and other readers do without.
   */
  finish(): void {
    if (this.#remaining > 0 || this.#partial.length > 0 || this.#next.size > 0) {
      throw tarError('it ends in the middle of an entry');
    }
  }

  #body(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#remaining);
    const data = chunk.subarray(offset, end);
    this.#remaining -= data.length;
    if (this.#extension === undefined) this.#events.push({ kind: 'data', data });
    else this.#extension.chunks.push(Buffer.from(data));
    if (this.#remaining === 0) this.#bodyComplete();
    return end;
  }

  #bodyComplete(): void {
    if (this.#extension !== undefined)
      this.#applyExtension(this.#extension.flag, Buffer.concat(this.#extension.chunks));
    else if (this.#inEntry) this.#events.push({ kind: 'end' });
    this.#extension = undefined;
    this.#inEntry = false;
  }

  #skip(chunk: Buffer, offset: number): number {
    const skipped = Math.min(chunk.length - offset, this.#padding);
    this.#padding -= skipped;
    return offset + skipped;
  }

  #header(chunk: Buffer, offset: number): number {
    const needed = BLOCK_SIZE - this.#partial.length;
    const end = Math.min(chunk.length, offset + needed);
    const bytes = chunk.subarray(offset, end);
    const block = this.#partial.length === 0 ? bytes : Buffer.concat([this.#partial, bytes]);
    if (block.length < BLOCK_SIZE) {
      this.#partial = Buffer.from(block);
      return end;
    }
    this.#partial = Buffer.alloc(0);
    const header = parseHeaderBlock(block);
    if (header === undefined) this.#ended = true;
    else if (EXTENSIONS.has(header.typeflag)) this.#beginExtension(header);
    else this.#beginEntry(header);
    return end;
  }

  #beginExtension(header: RawHeader): void {
    if (header.size > MAX_EXTENSION_BYTES) throw tarError(`extended header of ${header.size} bytes`);
    this.#extension = { flag: header.typeflag, chunks: [] };
    this.#expect(header.size);
  }

  #applyExtension(flag: string, data: Buffer): void {
    if (flag === 'g') this.#global = new Map([...this.#global, ...parsePax(data)]);
    else if (flag === 'L') this.#next.set('path', untilNul(data));
    else if (flag === 'K') this.#next.set('linkpath', untilNul(data));
    else for (const [key, value] of parsePax(data)) this.#next.set(key, value);
  }

  #beginEntry(raw: RawHeader): void {
    const records = this.#global.size === 0 ? this.#next : new Map([...this.#global, ...this.#next]);
    if (this.#next.size > 0) this.#next = new Map();
    const header = toHeader(applyPax(raw, records), records);
    this.#events.push({ kind: 'entry', header });
    this.#inEntry = true;
    this.#expect(header.size);
  }

  #expect(size: number): void {
    this.#remaining = size;
    this.#padding = (BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE;
    if (size === 0) this.#bodyComplete();
  }
}

function toHeader(raw: RawHeader, records: PaxRecords): TarHeader {
  let type = TYPES[raw.typeflag];
  const sparse = raw.typeflag === 'S' || records.has('GNU.sparse.major') || records.has('GNU.sparse.map');
  if (type === undefined || sparse) {
    const what = sparse ? 'is stored sparse' : `has the type "${raw.typeflag}"`;
    throw tarError(
      `${raw.name} ${what}, which is not supported; make the archive without --sparse or multi-volume options`,
    );
  }
  // Before POSIX, a directory was a file whose name ends in a slash.
  if (type === 'file' && raw.name.endsWith('/')) type = 'directory';
  return {
    name: raw.name,
    type,
    linkName: raw.linkName,
    mode: raw.mode,
    uid: raw.uid,
    gid: raw.gid,
    size: type === 'file' ? raw.size : 0,
    mtime: raw.mtime,
    deviceMajor: raw.deviceMajor,
    deviceMinor: raw.deviceMinor,
    xattrs: paxXattrs(records),
  };
}

function untilNul(data: Buffer): Buffer {
  const end = data.indexOf(0);
  return end === -1 ? data : data.subarray(0, end);
}
