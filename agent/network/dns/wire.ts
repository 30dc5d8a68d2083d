/** DNS messages on the wire (RFC 1035, RFC 6891): what dns-packet leaves to us. */
import * as packet from 'dns-packet';
import { RCODE } from './decide.ts';

export const MIN_UDP_BYTES = 512;
/** What we ever send in one datagram: larger ones may be cut up on their way (DNS flag day 2020). */
const MAX_UDP_BYTES = 4096;
export const MAX_TCP_BYTES = 65_535;
const HEADER_BYTES = 12;
const FLAG_RESPONSE = 0x8000;
const OPCODE_MASK = 0x7800;

export type Query =
  | { readonly kind: 'query'; readonly packet: packet.DecodedPacket; readonly question: packet.Question }
  /** Answered with the code, without looking further. */
  | { readonly kind: 'refused'; readonly rcode: number }
  /** Not a query at all: answering it could go round in circles. */
  | { readonly kind: 'ignored' };

export function parseQuery(bytes: Buffer): Query {
  if (bytes.length < HEADER_BYTES || (bytes.readUInt16BE(2) & FLAG_RESPONSE) !== 0) return { kind: 'ignored' };
  if ((bytes.readUInt16BE(2) & OPCODE_MASK) !== 0) return { kind: 'refused', rcode: RCODE.NOTIMP };
  try {
    const decoded = packet.decode(bytes);
    const [question, ...more] = decoded.questions ?? [];
    if (question === undefined || more.length > 0) return { kind: 'refused', rcode: RCODE.FORMERR };
    return { kind: 'query', packet: decoded, question };
  } catch {
    // dns-packet throws plain errors for whatever it can't read.
    return { kind: 'refused', rcode: RCODE.FORMERR };
  }
}

/** Largest datagram that the client takes. */
export function udpLimit(query: packet.Packet): number {
  const opt = (query.additionals ?? []).find((record) => record.type === 'OPT');
  const announced = opt !== undefined && 'udpPayloadSize' in opt ? opt.udpPayloadSize : MIN_UDP_BYTES;
  return Math.min(Math.max(announced, MIN_UDP_BYTES), MAX_UDP_BYTES);
}

/** As many answers as fit into `limit` bytes; when some don't, the message says that it is cut short. */
export function encodeAnswer(
  query: packet.Packet,
  rcode: number,
  answers: readonly packet.Answer[],
  limit: number,
): Buffer {
  for (let count = answers.length; ; count = Math.floor(count / 2)) {
    const truncated = count < answers.length ? packet.TRUNCATED_RESPONSE : 0;
    const bytes = packet.encode({
      type: 'response',
      id: query.id ?? 0,
      flags:
        packet.AUTHORITATIVE_ANSWER |
        packet.RECURSION_AVAILABLE |
        ((query.flags ?? 0) & packet.RECURSION_DESIRED) |
        truncated |
        rcode,
      questions: query.questions ?? [],
      answers: answers.slice(0, count),
      additionals: answerOpt(query),
    });
    if (bytes.length <= limit || count === 0) return bytes;
  }
}

/** A message with OPT is answered with OPT (RFC 6891, section 6.1.1). */
function answerOpt(query: packet.Packet): packet.Answer[] {
  const asked = (query.additionals ?? []).some((record) => record.type === 'OPT');
  if (!asked) return [];
  return [
    {
      type: 'OPT',
      name: '.',
      udpPayloadSize: MAX_UDP_BYTES,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options: [],
    },
  ];
}

/** A header only, for a query that couldn't be read or can't be served. */
export function encodeFailure(query: Buffer, rcode: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  query.copy(bytes, 0, 0, 4);
  const recursionDesired = query.readUInt16BE(2) & packet.RECURSION_DESIRED;
  const opcode = query.readUInt16BE(2) & OPCODE_MASK;
  bytes.writeUInt16BE(FLAG_RESPONSE | opcode | recursionDesired | packet.RECURSION_AVAILABLE | rcode, 2);
  return bytes;
}

export function isTruncated(message: Buffer): boolean {
  return message.length >= HEADER_BYTES && (message.readUInt16BE(2) & packet.TRUNCATED_RESPONSE) !== 0;
}

export function rcodeOf(message: Buffer): number {
  return message.readUInt16BE(2) & 0xf;
}

export function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}

/** Whether `reply` is a response to `query`: same id, same question (letter case may have been changed on the way). */
export function answers(reply: Buffer, query: Buffer): boolean {
  if (reply.length < HEADER_BYTES || reply.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  if ((reply.readUInt16BE(2) & FLAG_RESPONSE) === 0) return false;
  // Servers may leave the question out of an error.
  if (reply.readUInt16BE(4) === 0) return rcodeOf(reply) !== RCODE.NOERROR;
  const end = questionEnd(query);
  return (
    end !== undefined &&
    reply.length >= end &&
    reply.toString('latin1', HEADER_BYTES, end).toLowerCase() ===
      query.toString('latin1', HEADER_BYTES, end).toLowerCase()
  );
}

/** Questions aren't compressed, as the first name of a message has nothing to point back to. */
function questionEnd(query: Buffer): number | undefined {
  let offset = HEADER_BYTES;
  while (offset < query.length) {
    const length = query[offset] ?? 0;
    if (length === 0) return offset + 5;
    offset += length + 1;
  }
  return undefined;
}

/** Over TCP each message follows its length (RFC 1035, section 4.2.2). */
export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Takes whole messages off a TCP stream. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer[] {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    const messages: Buffer[] = [];
    while (this.#pending.length >= 2) {
      const end = 2 + this.#pending.readUInt16BE(0);
      if (this.#pending.length < end) break;
      messages.push(this.#pending.subarray(2, end));
      this.#pending = this.#pending.subarray(end);
    }
    return messages;
  }
}
