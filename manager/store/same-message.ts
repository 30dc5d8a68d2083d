/** Whether two messages say the same: map entries may come in any order. */
import type { BinaryWriter } from '@bufbuild/protobuf/wire';

interface Encoder<T> {
  encode(message: T): BinaryWriter;
}

export function sameMessage<T>(type: Encoder<T>, a: T, b: T): boolean {
  return Buffer.compare(canonicalBytes(type, a), canonicalBytes(type, b)) === 0;
}

export function canonicalBytes<T>(type: Encoder<T>, message: T): Uint8Array {
  return type.encode(sorted(message)).finish();
}

/** With the keys of all objects, and so of all maps, in order. */
function sorted<T>(value: T): T {
  if (Array.isArray(value)) return value.map(sorted) as T;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)])) as T;
}
