/** What an entry of the log says: a change of the state, or a checkpoint at which every member takes its snapshot. */
import { GantryError } from '../../proto/errors.ts';

/** A snapshot, by what it must be on every member. */
export interface SnapshotIdentity {
  readonly index: number;
  /** sha256 of its bytes. */
  readonly hash: Uint8Array;
}

export type LogEntry =
  | { readonly kind: 'change'; readonly data: Uint8Array }
  /** `previous`: the leader's last snapshot; undefined when it has none that it could compare. */
  | { readonly kind: 'checkpoint'; readonly previous: SnapshotIdentity | undefined };

const CHANGE = 1;
const CHECKPOINT = 2;
const HASH_BYTES = 32;
const INDEX_BYTES = 8;

export function encodeLogEntry(entry: LogEntry): Uint8Array {
  if (entry.kind === 'change') {
    // The log keeps it: no part of a slab (see own-bytes.ts).
    const bytes = Buffer.allocUnsafeSlow(1 + entry.data.byteLength);
    bytes[0] = CHANGE;
    bytes.set(entry.data, 1);
    return bytes;
  }
  const { previous } = entry;
  if (previous === undefined) return Buffer.of(CHECKPOINT);
  const bytes = Buffer.alloc(1 + INDEX_BYTES + HASH_BYTES);
  bytes[0] = CHECKPOINT;
  bytes.writeBigUInt64BE(BigInt(previous.index), 1);
  bytes.set(previous.hash, 1 + INDEX_BYTES);
  return bytes;
}

/** Throws UNSUPPORTED for an entry that only a newer version can have written. */
export function decodeLogEntry(index: number, bytes: Uint8Array): LogEntry {
  const [kind] = bytes;
  if (kind === CHANGE) return { kind: 'change', data: bytes.subarray(1) };
  if (kind !== CHECKPOINT) {
    throw new GantryError(
      'UNSUPPORTED',
      `entry ${index} of the log is of kind ${kind}, which this version does not know`,
      {
        hint: 'run the newer version of gantryd that the other managers have',
      },
    );
  }
  if (bytes.byteLength < 1 + INDEX_BYTES + HASH_BYTES) return { kind: 'checkpoint', previous: undefined };
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    kind: 'checkpoint',
    previous: { index: Number(view.readBigUInt64BE(1)), hash: bytes.subarray(1 + INDEX_BYTES) },
  };
}
