/**
 * Entries as records of etcd. etcd takes requests of up to 1.5 MiB, so a large entry becomes several records in a row,
 * each with an index of its own; the entry's index is that of its last one. Whoever dies in the middle leaves records
 * that no last one follows: they count for nothing.
 */
import assert from 'node:assert/strict';
import { GantryError } from '../../../proto/errors.ts';
import { checksumSealer } from '../record.ts';

export interface LogRecord {
  readonly index: number;
  /** Of the leader that has written it: with the index it names the record for ever. */
  readonly term: number;
  /** Where in its entry it is. */
  readonly first: boolean;
  readonly last: boolean;
  readonly data: Uint8Array;
}

export interface LogEntry {
  readonly index: number;
  readonly term: number;
  readonly data: Uint8Array;
}

/** Bytes of an entry in one record, and of the records in one transaction: well within etcd's 1.5 MiB. */
export const MAX_RECORD_BYTES = 1024 * 1024;

const HEADER_BYTES = 9;
const FIRST = 1;
const LAST = 2;

/** The records of an entry whose first has this index. */
export function toRecords(first: number, term: number, data: Uint8Array): LogRecord[] {
  const records: LogRecord[] = [];
  for (let from = 0; from === 0 || from < data.byteLength; from += MAX_RECORD_BYTES) {
    const to = from + MAX_RECORD_BYTES;
    records.push({
      index: first + records.length,
      term,
      first: from === 0,
      last: to >= data.byteLength,
      data: data.subarray(from, to),
    });
  }
  return records;
}

export function encodeLogRecord({ index, term, first, last, data }: LogRecord): Buffer {
  const content = Buffer.allocUnsafe(HEADER_BYTES + data.byteLength);
  content.writeUInt8((first ? FIRST : 0) | (last ? LAST : 0), 0);
  content.writeBigUInt64BE(BigInt(term), 1);
  content.set(data, HEADER_BYTES);
  return checksumSealer.seal(`entry ${index}`, content);
}

/** CORRUPT when the checksum, which is over the index too, doesn't fit. */
export function decodeLogRecord(index: number, value: Buffer): LogRecord {
  const content = checksumSealer.unseal(`entry ${index}`, value);
  if (content === undefined || content.byteLength < HEADER_BYTES) {
    throw new GantryError(
      'CORRUPT',
      `the replicated log in etcd is damaged: the checksum of entry ${index} does not fit`,
      {
        hint: 'restore etcd from a backup',
      },
    );
  }
  const flags = content.readUInt8(0);
  return {
    index,
    term: Number(content.readBigUInt64BE(1)),
    first: (flags & FIRST) !== 0,
    last: (flags & LAST) !== 0,
    data: content.subarray(HEADER_BYTES),
  };
}

/** Puts entries together again from records that come in order. */
export class EntryAssembler {
  #parts: LogRecord[] = [];

  /** The entry that this record completes. */
  add(record: LogRecord): LogEntry | undefined {
    if (record.first) this.#parts = [];
    // The beginning is in the snapshot that the state was restored from, or was never there.
    else if (this.#parts.length === 0) return undefined;
    this.#parts.push(record);
    if (!record.last) return undefined;
    const parts = this.#parts;
    this.#parts = [];
    assert(
      parts.every(({ term }) => term === record.term),
      `entry ${record.index} is of several leaders`,
    );
    const data = parts.length === 1 ? record.data : Buffer.concat(parts.map((part) => part.data));
    return { index: record.index, term: record.term, data };
  }
}
