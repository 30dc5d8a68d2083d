/** CRI log format, which shims write: native/shim/log_file.h says how. Pure functions of bytes. */
import type { LogLine } from '../../proto/generated/gantry/v1/engine.ts';

export const STDOUT = 1;
export const STDERR = 2;
/** "2016-10-06T00:17:09.669794202Z " */
const TIMESTAMP = 31;
/** "stdout P " */
const STREAM_AND_TAG = 9;
const PREFIX = TIMESTAMP + STREAM_AND_TAG;
/** What a line may hold before it is handed on without its end, so that nobody's memory is at the mercy of a container. */
const MAX_LINE = 1024 * 1024;
const NEWLINE = 0x0a;
const TAG_FULL = 0x46;

export interface CriRecord {
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly stream: typeof STDOUT | typeof STDERR;
  /** False: more of the same line follows. */
  readonly full: boolean;
  readonly data: Buffer;
}

let lastDate = '';
let lastSeconds = 0;

/** Most records share their second with the one before. */
function parseSeconds(date: string): number {
  if (date !== lastDate) {
    lastDate = date;
    lastSeconds = Date.parse(`${date}Z`) / 1000;
  }
  return lastSeconds;
}

/** `line` without its newline. Undefined for what is no record: half of one, after a host has crashed. */
export function parseRecord(line: Buffer): CriRecord | undefined {
  if (line.length < PREFIX) return undefined;
  const prefix = line.toString('latin1', 0, PREFIX);
  const seconds = parseSeconds(prefix.slice(0, 19));
  const nanoseconds = Number(prefix.slice(20, 29));
  const stream = prefix.slice(TIMESTAMP, TIMESTAMP + 7);
  const tag = prefix.slice(TIMESTAMP + 7);
  if (!Number.isFinite(seconds) || !Number.isInteger(nanoseconds)) return undefined;
  if ((stream !== 'stdout ' && stream !== 'stderr ') || (tag !== 'P ' && tag !== 'F ')) return undefined;
  return {
    seconds,
    nanoseconds,
    stream: stream === 'stdout ' ? STDOUT : STDERR,
    full: tag === 'F ',
    data: line.subarray(PREFIX),
  };
}

/** Whether the bytes from `start` to `end`, a record without its newline, end a line. */
export function endsLine(bytes: Buffer, start: number, end: number): boolean {
  return end - start >= PREFIX && bytes[start + PREFIX - 2] === TAG_FULL;
}

/** Cuts a byte stream into records without their newlines. */
export class RecordSplitter {
  #rest: Buffer = Buffer.alloc(0);

  /** Of a record that hasn't ended yet. */
  get openBytes(): number {
    return this.#rest.length;
  }

  *push(chunk: Buffer): Generator<Buffer> {
    const buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (let end = buffer.indexOf(NEWLINE); end !== -1; end = buffer.indexOf(NEWLINE, start)) {
      yield buffer.subarray(start, end);
      start = end + 1;
    }
    this.#rest = buffer.subarray(start);
  }
}

interface OpenLine {
  readonly first: CriRecord;
  readonly parts: Buffer[];
  length: number;
}

/** Puts the parts of each stream's lines together again. */
export class LineAssembler {
  readonly #open = new Map<number, OpenLine>();

  /** The line that the record completes. */
  push(record: CriRecord): LogLine | undefined {
    const open = this.#open.get(record.stream) ?? { first: record, parts: [], length: 0 };
    open.parts.push(record.data);
    open.length += record.data.length;
    if (record.full) open.parts.push(Buffer.of(NEWLINE));
    if (record.full || open.length >= MAX_LINE) {
      this.#open.delete(record.stream);
      return toLine(open);
    }
    this.#open.set(record.stream, open);
    return undefined;
  }

  /** The lines whose ends never came. */
  *finish(): Generator<LogLine> {
    for (const open of this.#open.values()) yield toLine(open);
    this.#open.clear();
  }
}

function toLine({ first, parts }: OpenLine): LogLine {
  return {
    timestampNs: `${first.seconds}${String(first.nanoseconds).padStart(9, '0')}`,
    stream: first.stream,
    data: Buffer.concat(parts),
  };
}

export function recordMs(record: CriRecord): number {
  return record.seconds * 1000 + record.nanoseconds / 1e6;
}
