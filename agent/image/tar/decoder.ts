/**
 * A tar archive as events. Pure and synchronous: it is fed chunks as they come and holds no more than one chunk, the
 * extended headers of one entry, and where a sparse file's data belong. (tar-stream, which npm has, decodes xattr
 * values as text and so breaks file capabilities.)
 */
import {
  BLOCK_SIZE,
  parseHeaderBlock,
  type RawHeader,
  shownName,
  type TarEntryType,
  type TarHeader,
  tarError,
} from './header.ts';
import { applyPax, type PaxRecords, parsePax, paxXattrs } from './pax.ts';
import {
  checkSegmentCount,
  layoutOf,
  type Segment,
  SparseBody,
  type SparseLayout,
  type SparsePiece,
  SparseText,
  sparseBlock,
  sparseStart,
} from './sparse.ts';

export type TarEvent =
  | { readonly kind: 'entry'; readonly header: TarHeader }
  /** Data of the last entry; a view of the chunk that was pushed. */
  | { readonly kind: 'data'; readonly data: Buffer }
  /** Zeros of the last entry that the archive doesn't hold. */
  | { readonly kind: 'hole'; readonly size: number }
  /** All of the last entry has come; sent for entries without data, too. */
  | { readonly kind: 'end' };

/** Bounds of what must be held in memory: the extended headers of one entry, with its xattrs; and those for all. */
const MAX_EXTENSION_BYTES = 1 << 20;
const MAX_GLOBAL_BYTES = 64 << 10;

const TYPES: Readonly<Record<string, TarEntryType>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

/** Typeflags whose data describe the next entry, or all that follow. */
const EXTENSIONS = new Set(['x', 'X', 'g', 'L', 'K']);

/** A sparse file whose list of pieces is still being read. */
interface SparseEntry {
  readonly header: TarHeader;
  readonly realSize: number;
  /** Bytes of data that the list leaves. */
  readonly stored: number;
  readonly segments: Segment[];
  readonly text: SparseText | undefined;
}

export class TarDecoder {
  #partial: Buffer = Buffer.alloc(0);
  #remaining = 0;
  #padding = 0;
  #extension: { readonly flag: string; readonly chunks: Buffer[] } | undefined;
  #inEntry: boolean = false;
  #ended = false;
  #global: PaxRecords = new Map();
  #globalBytes = 0;
  #next: Map<string, Buffer> = new Map();
  #nextBytes = 0;
  #sparseEntry: SparseEntry | undefined;
  #sparseBody: SparseBody | undefined;
  #events: TarEvent[] = [];

  /** Takes the next bytes of the archive and returns what they complete. Throws INVALID_ARGUMENT, UNSUPPORTED. */
  push(chunk: Buffer): TarEvent[] {
    this.#events = [];
    let offset = 0;
    while (offset < chunk.length && !this.#ended) {
      if (this.#remaining > 0) offset = this.#body(chunk, offset);
      else if (this.#padding > 0) offset = this.#skip(chunk, offset);
      else offset = this.#block(chunk, offset);
    }
    return this.#events;
  }

  /**
   * To be called at the end of the input. Throws when the archive was cut off within an entry. The last one's padding
   * and the blocks of zeros may be missing: umoci leaves them out, and other readers do without.
   */
  finish(): void {
    const isWithin = this.#remaining > 0 || this.#partial.length > 0 || this.#sparseEntry !== undefined;
    if (isWithin || this.#next.size > 0) throw tarError('it ends in the middle of an entry');
  }

  #body(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#remaining);
    const data = chunk.subarray(offset, end);
    this.#remaining -= data.length;
    if (this.#extension !== undefined) this.#extension.chunks.push(Buffer.from(data));
    else if (this.#sparseBody !== undefined) this.#emitPieces(this.#sparseBody.push(data));
    else this.#events.push({ kind: 'data', data });
    if (this.#remaining === 0) this.#bodyComplete();
    return end;
  }

  #bodyComplete(): void {
    if (this.#extension !== undefined) {
      this.#applyExtension(this.#extension.flag, Buffer.concat(this.#extension.chunks));
    } else if (this.#inEntry) {
      if (this.#sparseBody !== undefined) this.#emitPieces(this.#sparseBody.finish());
      this.#events.push({ kind: 'end' });
    }
    this.#extension = undefined;
    this.#sparseBody = undefined;
    this.#inEntry = false;
  }

  #emitPieces(pieces: readonly SparsePiece[]): void {
    // One chunk may be of more pieces than a call takes arguments.
    for (const piece of pieces) this.#events.push(piece);
  }

  #skip(chunk: Buffer, offset: number): number {
    const skipped = Math.min(chunk.length - offset, this.#padding);
    this.#padding -= skipped;
    return offset + skipped;
  }

  #block(chunk: Buffer, offset: number): number {
    const needed = BLOCK_SIZE - this.#partial.length;
    const end = Math.min(chunk.length, offset + needed);
    const bytes = chunk.subarray(offset, end);
    const block = this.#partial.length === 0 ? bytes : Buffer.concat([this.#partial, bytes]);
    if (block.length < BLOCK_SIZE) {
      this.#partial = Buffer.from(block);
      return end;
    }
    this.#partial = Buffer.alloc(0);
    if (this.#sparseEntry === undefined) this.#header(block);
    else this.#sparseList(this.#sparseEntry, block);
    return end;
  }

  #header(block: Buffer): void {
    const header = parseHeaderBlock(block);
    if (header === undefined) this.#ended = true;
    else if (EXTENSIONS.has(header.typeflag)) this.#beginExtension(header);
    else this.#beginEntry(header, block);
  }

  #beginExtension(header: RawHeader): void {
    const isGlobal = header.typeflag === 'g';
    const bytes = header.size + (isGlobal ? this.#globalBytes : this.#nextBytes);
    if (bytes > (isGlobal ? MAX_GLOBAL_BYTES : MAX_EXTENSION_BYTES)) {
      throw tarError(`extended headers of ${bytes} bytes${isGlobal ? ' for all entries' : ''}`);
    }
    if (isGlobal) this.#globalBytes = bytes;
    // An empty one counts, too: there may be many.
    else this.#nextBytes = bytes + 1;
    this.#extension = { flag: header.typeflag, chunks: [] };
    this.#expect(header.size);
  }

  #applyExtension(flag: string, data: Buffer): void {
    if (flag === 'g') this.#global = new Map([...this.#global, ...parsePax(data)]);
    else if (flag === 'L') this.#next.set('path', untilNul(data));
    else if (flag === 'K') this.#next.set('linkpath', untilNul(data));
    else for (const [key, value] of parsePax(data)) this.#next.set(key, value);
  }

  #beginEntry(block: RawHeader, bytes: Buffer): void {
    const records = this.#global.size === 0 ? this.#next : new Map([...this.#global, ...this.#next]);
    if (this.#next.size > 0) this.#next = new Map();
    this.#nextBytes = 0;
    const raw = applyPax(block, records);
    const sparse = sparseStart(raw, bytes, records);
    if (sparse === undefined) {
      this.#emitEntry(toHeader(raw, records), undefined);
      return;
    }
    if (sparse.kind === 'complete') {
      const { layout } = sparse;
      this.#emitEntry(toHeader({ ...raw, size: layout.realSize }, records), layout, raw.size);
      return;
    }
    const { realSize } = sparse;
    this.#sparseEntry = {
      ...{ header: toHeader({ ...raw, size: realSize }, records), realSize, stored: raw.size },
      segments: sparse.kind === 'blocks' ? [...sparse.segments] : [],
      text: sparse.kind === 'text' ? new SparseText() : undefined,
    };
  }

  /** The next block of a sparse file's list. */
  #sparseList(entry: SparseEntry, block: Buffer): void {
    const { header, realSize, text } = entry;
    if (text === undefined) {
      const { segments, isLast } = sparseBlock(block);
      entry.segments.push(...segments);
      checkSegmentCount(entry.segments);
      if (isLast) this.#emitEntry(header, layoutOf(entry.segments, realSize, entry.stored), entry.stored);
      return;
    }
    const segments = text.push(block);
    const stored = entry.stored - text.storedBytes;
    if (stored < 0) throw tarError('malformed list of the pieces of a sparse file');
    if (segments !== undefined) this.#emitEntry(header, layoutOf(segments, realSize, stored), stored);
  }

  /** `stored`: bytes of its data in the archive. */
  #emitEntry(header: TarHeader, layout: SparseLayout | undefined, stored = header.size): void {
    this.#sparseEntry = undefined;
    this.#sparseBody = layout === undefined ? undefined : new SparseBody(layout);
    this.#events.push({ kind: 'entry', header });
    this.#inEntry = true;
    this.#expect(stored);
  }

  #expect(size: number): void {
    this.#remaining = size;
    this.#padding = (BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE;
    if (size === 0) this.#bodyComplete();
  }
}

function toHeader(raw: RawHeader, records: PaxRecords): TarHeader {
  const type = typeOf(raw);
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

function typeOf({ name, typeflag, size }: RawHeader): TarEntryType {
  const type = TYPES[typeflag];
  if (type === undefined) {
    throw tarError(
      `${shownName(name)} has the type ${shownName(typeflag)}, which is not supported; make the archive without multi-volume options`,
    );
  }
  // Before POSIX, a directory was a file whose name ends in a slash.
  if (type !== 'file' || !name.endsWith('/')) return type;
  if (size > 0) throw tarError(`${shownName(name)} is a directory by its name, but has data`);
  return 'directory';
}

function untilNul(data: Buffer): Buffer {
  const end = data.indexOf(0);
  return end === -1 ? data : data.subarray(0, end);
}
