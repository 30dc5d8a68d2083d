/** A netlink socket: one batch of requests at a time, errors as exceptions. */
import { getSystemErrorName } from 'node:util';
import type { Native } from '../../../native/addon/native.ts';
import { collectReplies, encodeBatch, type Message, NLM_F_ACK, type Reply, type Request } from './message.ts';

export const NETLINK_ROUTE = 0;
export const NETLINK_SOCK_DIAG = 4;
export const NETLINK_NETFILTER = 12;
export const NETLINK_GENERIC = 16;

/** Not among those that Node knows (asm-generic/errno.h). */
const OTHER_ERRORS: ReadonlyMap<number, string> = new Map([[54, 'EXFULL']]);

export type NetlinkNative = Pick<Native, 'netlinkOpen' | 'netlinkRequest' | 'closeFd'>;

/** The kernel refused a request. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
  /** "EEXIST" */
  readonly code: string;

  constructor({ errno, text }: Pick<Reply, 'errno' | 'text'>, purpose: string) {
    const code = OTHER_ERRORS.get(errno) ?? getSystemErrorName(-errno);
    super(`cannot ${purpose}: ${text === '' ? code : `${code}, ${text}`}`);
    this.code = code;
  }
}

export function isNetlinkError(thrown: unknown, ...codes: readonly string[]): thrown is NetlinkError {
  return thrown instanceof NetlinkError && codes.includes(thrown.code);
}

export class NetlinkSocket {
  readonly #native: NetlinkNative;
  readonly #fd: number;
  #sequence = 1;
  /** Answers on a socket come in the order of requests, so one batch waits for the one before it. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(native: NetlinkNative, fd: number) {
    this.#native = native;
    this.#fd = fd;
  }

  /** `netnsPath` null: in the network namespace of this process. */
  static async open(native: NetlinkNative, netnsPath: string | null, protocol: number): Promise<NetlinkSocket> {
    return new NetlinkSocket(native, await native.netlinkOpen(netnsPath, protocol));
  }

  /**
   * Sends the requests in one system call; the kernel runs them in order and goes on after one that fails. Most ask
   * for an acknowledgement; at least one must. Throws the first failure as a NetlinkError, except for errors in `ignore`.
   */
  async run(requests: readonly Request[], ignore: readonly string[] = []): Promise<void> {
    if (requests.length === 0) return;
    const sequence = this.#takeSequence(requests.length);
    const expected = requests.filter(({ flags }) => (flags & NLM_F_ACK) !== 0).length;
    const datagrams = await this.#exchange(encodeBatch(requests, sequence), expected);
    const replies = collectReplies(datagrams, sequence, requests.length);
    for (const [index, reply] of replies.entries()) {
      const request = requests[index];
      if (reply.errno === 0 || request === undefined) continue;
      const error = new NetlinkError(reply, request.purpose);
      if (!ignore.includes(error.code)) throw error;
    }
  }

  /** What the kernel answers a get or dump request with. */
  async query(request: Request): Promise<readonly Message[]> {
    const sequence = this.#takeSequence(1);
    const datagrams = await this.#exchange(encodeBatch([request], sequence), 1);
    const [reply = { errno: 0, text: '', messages: [] }] = collectReplies(datagrams, sequence, 1);
    if (reply.errno !== 0) throw new NetlinkError(reply, request.purpose);
    return reply.messages;
  }

  /** After the batches under way. Once. */
  async close(): Promise<void> {
    await this.#last;
    this.#native.closeFd(this.#fd);
  }

  #takeSequence(count: number): number {
    const sequence = this.#sequence;
    this.#sequence = (this.#sequence + count) % 0x7fff_ffff;
    return sequence;
  }

  #exchange(bytes: Buffer, expected: number): Promise<Buffer[]> {
    const exchange = this.#last.then(() => this.#native.netlinkRequest(this.#fd, bytes, expected));
    this.#last = exchange.catch(() => undefined);
    return exchange;
  }
}
