/** Netlink messages: header, batches, and the acknowledgements that come back (netlink(7)). */
import { align, parseAttributes, readString } from './attributes.ts';

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
/** NLM_F_ROOT | NLM_F_MATCH */
export const NLM_F_DUMP = 0x300;

const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const HEADER_BYTES = 16;

/** A request without its sequence number, which the socket gives it. */
export interface Request {
  readonly type: number;
  readonly flags: number;
  /** The family's fixed header, then attributes. */
  readonly payload: Uint8Array;
  /** What the request does and on what, for errors: "create link gt0". */
  readonly purpose: string;
}

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

/** What the kernel answered a request with. */
export interface Reply {
  /** 0, or the positive errno. */
  readonly errno: number;
  /** What the kernel says about the error; often empty. */
  readonly text: string;
  readonly messages: readonly Message[];
}

/** Messages one behind the other, numbered from `firstSequence`, as one datagram. */
export function encodeBatch(requests: readonly Request[], firstSequence: number): Buffer {
  return Buffer.concat(requests.map((request, index) => encodeMessage(request, firstSequence + index)));
}

function encodeMessage(request: Request, sequence: number): Buffer {
  const length = HEADER_BYTES + request.payload.length;
  const buffer = Buffer.alloc(align(length));
  buffer.writeUInt32LE(length, 0);
  buffer.writeUInt16LE(request.type, 4);
  buffer.writeUInt16LE(request.flags | NLM_F_REQUEST, 6);
  buffer.writeUInt32LE(sequence, 8);
  buffer.set(request.payload, HEADER_BYTES);
  return buffer;
}

export function parseMessages(datagram: Buffer): Message[] {
  const messages: Message[] = [];
  let offset = 0;
  while (offset + HEADER_BYTES <= datagram.length) {
    const length = datagram.readUInt32LE(offset);
    if (length < HEADER_BYTES || offset + length > datagram.length) break;
    messages.push({
      type: datagram.readUInt16LE(offset + 4),
      flags: datagram.readUInt16LE(offset + 6),
      sequence: datagram.readUInt32LE(offset + 8),
      payload: datagram.subarray(offset + HEADER_BYTES, offset + length),
    });
    offset += align(length);
  }
  return messages;
}

/** Sorts what came back by request; index 0 is the request with `firstSequence`. */
export function collectReplies(datagrams: readonly Buffer[], firstSequence: number, count: number): Reply[] {
  const replies = Array.from({ length: count }, () => ({ errno: 0, text: '', messages: [] as Message[] }));
  for (const message of datagrams.flatMap(parseMessages)) {
    const reply = replies[message.sequence - firstSequence];
    if (reply === undefined) continue;
    if (message.type === NLMSG_ERROR) {
      reply.errno = Math.abs(message.payload.readInt32LE(0));
      reply.text = errorText(message);
    } else if (message.type === NLMSG_DONE) reply.errno = doneError(message);
    else reply.messages.push(message);
  }
  return replies;
}

/** Behind the error and the header of the request: attributes, where the socket has NETLINK_EXT_ACK. */
function errorText({ flags, payload }: Message): string {
  if ((flags & NLM_F_ACK_TLVS) === 0) return '';
  // Without NETLINK_CAP_ACK the whole request is repeated; its length stands in its header.
  const request = (flags & NLM_F_CAPPED) === 0 ? payload.readUInt32LE(4) : HEADER_BYTES;
  const text = parseAttributes(payload.subarray(4 + align(request))).get(NLMSGERR_ATTR_MSG);
  return text === undefined ? '' : readString(text);
}

/** A dump that failed on its way says so in NLMSG_DONE. */
function doneError(message: Message): number {
  return message.payload.length >= 4 ? Math.abs(message.payload.readInt32LE(0)) : 0;
}
