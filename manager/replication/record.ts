/**
 * Records of the durable log as bytes, each with a checksum over its content and its place, so that neither a flipped
 * bit nor a record in the wrong place goes unnoticed.
 */
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import type { Entry, NormalEntry } from '../raft/message.ts';

const CHECKSUM_BYTES = 4;
const TERM_BYTES = 8;

/** Checksum, term, data; the index is the key, and part of the checksum. */
export function encodeEntry(entry: Entry): Buffer {
  assert(entry.kind === 'normal', 'changes of the configuration have no record yet');
  const { index, term, data } = entry;
  const record = Buffer.allocUnsafe(CHECKSUM_BYTES + TERM_BYTES + data.byteLength);
  record.writeBigUInt64BE(BigInt(term), CHECKSUM_BYTES);
  record.set(data, CHECKSUM_BYTES + TERM_BYTES);
  return seal(record, `entry ${index}`);
}

/** Undefined when the checksum doesn't fit. */
export function decodeEntry(index: number, record: Buffer): NormalEntry | undefined {
  const content = unseal(record, `entry ${index}`);
  if (content === undefined || content.byteLength < TERM_BYTES) return undefined;
  return { index, term: Number(content.readBigUInt64BE(0)), kind: 'normal', data: content.subarray(TERM_BYTES) };
}

/** `name` is the record's key. */
export function encodeRecord(name: string, content: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(CHECKSUM_BYTES + content.byteLength);
  record.set(content, CHECKSUM_BYTES);
  return seal(record, name);
}

/** Undefined when the checksum doesn't fit. */
export function decodeRecord(name: string, record: Buffer): Buffer | undefined {
  return unseal(record, name);
}

function seal(record: Buffer, name: string): Buffer {
  record.writeUInt32BE(checksum(record, name), 0);
  return record;
}

function unseal(record: Buffer, name: string): Buffer | undefined {
  if (record.byteLength < CHECKSUM_BYTES || record.readUInt32BE(0) !== checksum(record, name)) return undefined;
  return record.subarray(CHECKSUM_BYTES);
}

function checksum(record: Buffer, name: string): number {
  return crc32(record.subarray(CHECKSUM_BYTES), crc32(name));
}
