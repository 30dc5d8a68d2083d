/** Records of the durable log as bytes, each sealed together with its place. */
import { crc32 } from 'node:zlib';
import type { Entry } from '../raft/message.ts';
import type { Sealer } from './sealer.ts';

const TERM_BYTES = 8;

/** Term and data; the index is the key, and what the record is sealed under. */
export function encodeEntry(sealer: Sealer, { index, term, data }: Entry): Buffer {
  const content = Buffer.allocUnsafe(TERM_BYTES + data.byteLength);
  content.writeBigUInt64BE(BigInt(term));
  content.set(data, TERM_BYTES);
  return sealer.seal(`entry ${index}`, content);
}

/** Undefined when it isn't what was written as this entry. */
export function decodeEntry(sealer: Sealer, index: number, record: Uint8Array): Entry | undefined {
  const content = sealer.unseal(`entry ${index}`, record);
  if (content === undefined || content.byteLength < TERM_BYTES) return undefined;
  return { index, term: Number(content.readBigUInt64BE(0)), data: content.subarray(TERM_BYTES) };
}

const CHECKSUM_BYTES = 4;

/**
 * A checksum in the place of a seal: for what must be read before there is a key, which is the log's format version,
 * and for the logs of format 1.
 */
export const checksumSealer: Sealer = {
  seal: (name, content) => {
    const record = Buffer.allocUnsafe(CHECKSUM_BYTES + content.byteLength);
    record.writeUInt32BE(checksum(name, content));
    record.set(content, CHECKSUM_BYTES);
    return record;
  },
  unseal: (name, record) => {
    const bytes = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
    if (bytes.byteLength < CHECKSUM_BYTES) return undefined;
    const content = bytes.subarray(CHECKSUM_BYTES);
    return bytes.readUInt32BE() === checksum(name, content) ? content : undefined;
  },
};

function checksum(name: string, content: Uint8Array): number {
  return crc32(content, crc32(name));
}
