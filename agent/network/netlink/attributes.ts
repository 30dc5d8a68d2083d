/** Netlink attributes: type-length-value, host byte order, padded to four bytes (netlink(7), "Netlink attributes"). */

const HEADER_BYTES = 4;
const NESTED = 0x8000;
/** Everything but NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const TYPE_MASK = 0x3fff;

/** Attributes of one level by type; a type that occurs twice keeps its last value. */
export type Attributes = ReadonlyMap<number, Buffer>;

export function attribute(type: number, payload: Uint8Array): Buffer {
  const length = HEADER_BYTES + payload.length;
  const buffer = Buffer.alloc(align(length));
  buffer.writeUInt16LE(length, 0);
  buffer.writeUInt16LE(type, 2);
  buffer.set(payload, HEADER_BYTES);
  return buffer;
}

export function nested(type: number, ...children: readonly Buffer[]): Buffer {
  return attribute(type | NESTED, Buffer.concat(children));
}

export function u8Attribute(type: number, value: number): Buffer {
  return attribute(type, Buffer.of(value));
}

/** Host byte order, as most of the kernel's are. */
export function u16Attribute(type: number, value: number): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16LE(value);
  return attribute(type, payload);
}

export function u32Attribute(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(value);
  return attribute(type, payload);
}

/** A NUL-terminated string. */
export function stringAttribute(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`));
}

/** Reads attributes until the end of `bytes`; what is cut short is left out, as libnetlink does. */
export function parseAttributes(bytes: Buffer): Attributes {
  return new Map(sequence(bytes));
}

/** Of an attribute that is a list of others, whose types mean nothing: what is in each. */
export function parseList(bytes: Buffer): Buffer[] {
  return [...sequence(bytes)].map(([, payload]) => payload);
}

function* sequence(bytes: Buffer): Generator<[type: number, payload: Buffer]> {
  let offset = 0;
  while (offset + HEADER_BYTES <= bytes.length) {
    const length = bytes.readUInt16LE(offset);
    if (length < HEADER_BYTES || offset + length > bytes.length) break;
    const type = bytes.readUInt16LE(offset + 2) & TYPE_MASK;
    yield [type, bytes.subarray(offset + HEADER_BYTES, offset + length)];
    offset += align(length);
  }
}

export function readString(payload: Buffer): string {
  const end = payload.indexOf(0);
  return payload.toString('utf8', 0, end === -1 ? payload.length : end);
}

export function readNested(attributes: Attributes, type: number): Attributes {
  return parseAttributes(attributes.get(type) ?? Buffer.alloc(0));
}

export function readU32(attributes: Attributes, type: number): number | undefined {
  const payload = attributes.get(type);
  return payload !== undefined && payload.length >= 4 ? payload.readUInt32LE() : undefined;
}

export function align(length: number): number {
  return (length + 3) & ~3;
}
