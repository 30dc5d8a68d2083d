/** Records of the durable log as bytes, each sealed together with its place. */
import { crc32 } from 'node:zlib';
import { RaftEntry } from '../../proto/generated/gantry/v1/raft.ts';
import type { Entry } from '../raft/message.ts';
import { fromWireEntry, toWireEntry } from './peers/wire.ts';
import type { Sealer } from './sealer.ts';

/** The index is the key, and what the record is sealed under. */
export function encodeEntry(sealer: Sealer, entry: Entry): Buffer {
  return sealer.seal(`entry ${entry.index}`, RaftEntry.encode(toWireEntry(entry)).finish());
}

/** Undefined when it isn't what was written as this entry. */
export function decodeEntry(sealer: Sealer, index: number, record: Uint8Array): Entry | undefined {
  const content = sealer.unseal(`entry ${index}`, record);
  return content === undefined ? undefined : fromWireEntry(RaftEntry.decode(content));
}

const CHECKSUM_BYTES = 4;

/**
 * A checksum in the place of a seal: for what must be read before there is a key, which is the log's format version,
 * and for the logs of format 1.
 */
export const checksumSealer: Sealer = {
  seal: sealWithChecksum,
  unseal: unsealChecked,
  // Only of what is small.
  sealLarge: (name, content) => Promise.resolve(sealWithChecksum(name, content)),
  unsealLarge: (name, record) => Promise.resolve(unsealChecked(name, record)),
};

function sealWithChecksum(name: string, content: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(CHECKSUM_BYTES + content.byteLength);
  record.writeUInt32BE(checksum(name, content));
  record.set(content, CHECKSUM_BYTES);
  return record;
}

function unsealChecked(name: string, record: Uint8Array): Buffer | undefined {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
  if (bytes.byteLength < CHECKSUM_BYTES) return undefined;
  const content = bytes.subarray(CHECKSUM_BYTES);
  return bytes.readUInt32BE() === checksum(name, content) ? content : undefined;
}

function checksum(name: string, content: Uint8Array): number {
  return crc32(content, crc32(name));
}
