/**
 * Bytes that are kept for long, in memory of their own. Small Buffers share slabs of 64 KiB with whatever was made about
 * the same time, and what is decoded shares the message that it came in: one that is kept keeps all of it.
 */

export function ownBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength === bytes.buffer.byteLength) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.byteLength);
  own.set(bytes);
  return own;
}
