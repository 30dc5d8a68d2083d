/** What clients write, as bytes: who, the how manieth, and padding, so that entries differ in size. */

export type ClientId = number;

export interface WriteId {
  readonly client: ClientId;
  /** From 1. */
  readonly sequence: number;
}

const HEADER_BYTES = 8;

export function encodeWrite({ client, sequence }: WriteId, paddingBytes: number): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(HEADER_BYTES + paddingBytes));
  bytes.setUint32(0, client);
  bytes.setUint32(4, sequence);
  return new Uint8Array(bytes.buffer);
}

export function decodeWrite(data: Uint8Array): WriteId {
  const bytes = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return { client: bytes.getUint32(0), sequence: bytes.getUint32(4) };
}
