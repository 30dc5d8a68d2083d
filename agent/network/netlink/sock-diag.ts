/** The TCP sockets of a network namespace (sock_diag(7), linux/inet_diag.h, linux/tcp.h). */
import { parseAttributes } from './attributes.ts';
import { type Message, NLM_F_DUMP, type Request } from './message.ts';

const SOCK_DIAG_BY_FAMILY = 20;
const INET_DIAG_INFO = 2;
const IPPROTO_TCP = 6;
const ALL_STATES = 0xfff;
const REQUEST_BYTES = 56;
const REPLY_BYTES = 72;
/** Of struct tcp_info: milliseconds, counted in the kernel's ticks. */
const LAST_DATA_SENT = 44;
const LAST_DATA_RECEIVED = 52;
/** Segments with data; since kernel 4.6. */
const DATA_SEGMENTS_RECEIVED = 152;
const DATA_SEGMENTS_SENT = 156;

export const AF_INET = 2;
export const AF_INET6 = 10;

/** enum in net/tcp_states.h */
export const TCP_ESTABLISHED = 1;
export const TCP_CLOSE_WAIT = 8;
export const TCP_LISTEN = 10;

export interface TcpSocket {
  readonly state: number;
  readonly localPort: number;
  /** The other end is in the same namespace: 127.0.0.1, or an address of its own. */
  readonly isToItself: boolean;
  /** Bytes that the process hasn't read yet. */
  readonly unread: number;
  /** Bytes that the other end hasn't acknowledged yet. */
  readonly unsent: number;
  /** Milliseconds since then; since the connection was made when there was none. */
  readonly sinceSentMs: number;
  readonly sinceReceivedMs: number;
  /** How many segments with data have come, and have gone. */
  readonly received: number;
  readonly sent: number;
}

export function dumpTcpSockets(family: typeof AF_INET | typeof AF_INET6): Request {
  const payload = Buffer.alloc(REQUEST_BYTES);
  payload.writeUInt8(family, 0);
  payload.writeUInt8(IPPROTO_TCP, 1);
  payload.writeUInt8(1 << (INET_DIAG_INFO - 1), 2);
  payload.writeUInt32LE(ALL_STATES, 4);
  return { type: SOCK_DIAG_BY_FAMILY, flags: NLM_F_DUMP, payload, purpose: 'list TCP sockets' };
}

export function parseTcpSocket({ payload }: Message): TcpSocket {
  const info = parseAttributes(payload.subarray(REPLY_BYTES)).get(INET_DIAG_INFO);
  const read = (offset: number) => (info !== undefined && info.length >= offset + 4 ? info.readUInt32LE(offset) : 0);
  const [local, remote] = [payload.subarray(8, 24), payload.subarray(24, 40)];
  return {
    state: payload.readUInt8(1),
    localPort: payload.readUInt16BE(4),
    isToItself: local.equals(remote),
    unread: payload.readUInt32LE(56),
    unsent: payload.readUInt32LE(60),
    sinceSentMs: read(LAST_DATA_SENT),
    sinceReceivedMs: read(LAST_DATA_RECEIVED),
    received: read(DATA_SEGMENTS_RECEIVED),
    sent: read(DATA_SEGMENTS_SENT),
  };
}
