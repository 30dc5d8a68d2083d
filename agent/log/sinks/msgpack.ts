/** As much of MessagePack as Fluentd's forward protocol needs. Source: msgpack specification; Fluentd, "Forward Protocol v1". Pure. */

/** Fluentd's EventTime, of the extension type 0. */
export interface EventTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export type Packable = string | number | Uint8Array | EventTime | readonly Packable[] | ReadonlyMap<string, Packable>;

/** Numbers are whole ones from 0 to 2^32 - 1. */
export function pack(value: Packable): Buffer {
  const parts: Buffer[] = [];
  append(parts, value);
  return Buffer.concat(parts);
}

function append(parts: Buffer[], value: Packable): void {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    parts.push(head(bytes.length, STRING), bytes);
  } else if (value instanceof Uint8Array) {
    // As text, whatever is in it: that is how Fluentd's own clients send lines.
    parts.push(head(value.length, STRING), Buffer.from(value));
  } else if (typeof value === 'number') {
    parts.push(value < 0x80 ? Buffer.of(value) : uint32(0xce, value));
  } else if (value instanceof Map) {
    parts.push(head(value.size, MAP));
    for (const [key, item] of value as ReadonlyMap<string, Packable>) {
      append(parts, key);
      append(parts, item);
    }
  } else if (Array.isArray(value)) {
    parts.push(head(value.length, ARRAY));
    for (const item of value as readonly Packable[]) append(parts, item);
  } else {
    parts.push(eventTime(value as EventTime));
  }
}

interface Heads {
  readonly short: number;
  readonly shortest: number;
  /** Undefined: there is none. */
  readonly byte: number | undefined;
  readonly word: number;
  readonly long: number;
}

const STRING: Heads = { short: 0xa0, shortest: 32, byte: 0xd9, word: 0xda, long: 0xdb };
const ARRAY: Heads = { short: 0x90, shortest: 16, byte: undefined, word: 0xdc, long: 0xdd };
const MAP: Heads = { short: 0x80, shortest: 16, byte: undefined, word: 0xde, long: 0xdf };

function head(length: number, { short, shortest, byte, word, long }: Heads): Buffer {
  if (length < shortest) return Buffer.of(short | length);
  if (byte !== undefined && length < 0x100) return Buffer.of(byte, length);
  if (length < 0x10000) return Buffer.of(word, length >> 8, length & 0xff);
  return uint32(long, length);
}

function uint32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = type;
  bytes.writeUInt32BE(value, 1);
  return bytes;
}

function eventTime({ seconds, nanoseconds }: EventTime): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.set([0xd7, 0x00]);
  bytes.writeUInt32BE(seconds, 2);
  bytes.writeUInt32BE(nanoseconds, 6);
  return bytes;
}

/** The id that {"ack": id} acknowledges; undefined while it isn't whole. Throws for anything else. */
export function readAck(bytes: Buffer): string | undefined {
  const expected = Buffer.concat([Buffer.of(0x81), pack('ack')]);
  const start = bytes.subarray(0, expected.length);
  if (!start.equals(expected.subarray(0, start.length))) throw new Error('the answer is no acknowledgement');
  const [type, size = 0] = bytes.subarray(expected.length);
  if (type === undefined) return undefined;
  const isShort = type >= 0xa0 && type < 0xc0;
  if (!isShort && type !== 0xd9) throw new Error('the answer is no acknowledgement');
  const begin = expected.length + (isShort ? 1 : 2);
  const length = isShort ? type & 0x1f : size;
  return bytes.length < begin + length || (!isShort && bytes.length < begin)
    ? undefined
    : bytes.toString('utf8', begin, begin + length);
}
