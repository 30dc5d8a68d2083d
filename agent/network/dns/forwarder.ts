/** Sends queries on to other name servers, from the host's network namespace. */
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import type { Logger } from 'pino';
import type { RandomBytes } from '../../../proto/ids.ts';
import { RCODE } from './decide.ts';
import { answers, FrameReader, frame, isTruncated, rcodeOf, withId } from './wire.ts';

const PORT = 53;
/** Per server. Resolvers wait five seconds before they ask again, so that two servers fit. */
const TIMEOUT_MS = 2_000;
const MAX_IN_FLIGHT = 1_024;

type Transport = 'udp' | 'tcp';

export class Forwarder {
  readonly #random: RandomBytes;
  readonly #logger: Logger;
  readonly #closed = new AbortController();
  #inFlight = 0;

  constructor(random: RandomBytes, logger: Logger) {
    this.#random = random;
    this.#logger = logger;
  }

  /**
   * The reply of the first server that has one, as it came but with the query's id; undefined when there are too many
   * queries under way or no server answers. `limit` is what the client takes in bytes: a reply cut short on its way
   * to us is fetched again over TCP and passed on whole if it fits.
   */
  async forward(
    query: Buffer,
    servers: readonly string[],
    client: { readonly transport: Transport; readonly limit: number },
  ): Promise<Buffer | undefined> {
    if (this.#inFlight >= MAX_IN_FLIGHT) return undefined;
    this.#inFlight += 1;
    try {
      return await this.#ask(query, servers, client.transport, client.limit);
    } finally {
      this.#inFlight -= 1;
    }
  }

  async #ask(
    query: Buffer,
    servers: readonly string[],
    transport: Transport,
    limit: number,
  ): Promise<Buffer | undefined> {
    let failure: Buffer | undefined;
    for (const server of servers) {
      const reply = await this.#exchange(query, server, transport, limit);
      if (reply === undefined) continue;
      // Another server may know better than one that can't or won't.
      if (rcodeOf(reply) !== RCODE.SERVFAIL) return withId(reply, query.readUInt16BE(0));
      failure = withId(reply, query.readUInt16BE(0));
    }
    return failure;
  }

  async #exchange(query: Buffer, server: string, transport: Transport, limit: number): Promise<Buffer | undefined> {
    // An id of our own, and a socket of its own per query: both must be guessed by whoever forges a reply (RFC 5452).
    const message = withId(query, this.#random(2).readUInt16BE());
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    try {
      if (transport === 'tcp') return await askOverTcp(message, server, signal);
      const reply = await askOverUdp(message, server, signal);
      if (!isTruncated(reply)) return reply;
      const whole = await askOverTcp(message, server, signal).catch(() => reply);
      return whole.length <= limit ? whole : reply;
    } catch (error) {
      this.#logger.debug({ server, transport, err: error }, 'name server did not answer');
      return undefined;
    }
  }

  close(): void {
    this.#closed.abort();
  }
}

function askOverUdp(query: Buffer, server: string, signal: AbortSignal): Promise<Buffer> {
  const socket = createSocket({ type: isIPv6(server.replace(/%.*$/, '')) ? 'udp6' : 'udp4' });
  const reply = new Promise<Buffer>((resolve, reject) => {
    rejectOnAbort(signal, reject);
    socket.on('error', reject);
    socket.on('message', (message) => {
      if (answers(message, query)) resolve(message);
    });
    // Connected: the kernel drops what other addresses send, and reports "port unreachable".
    socket.connect(PORT, server, (error?: Error) => {
      // Without a route there, for one.
      if (error) reject(error);
      else socket.send(query);
    });
  });
  return reply.finally(() => socket.close());
}

function askOverTcp(query: Buffer, server: string, signal: AbortSignal): Promise<Buffer> {
  const socket = connect({ host: server, port: PORT });
  const reader = new FrameReader();
  const reply = new Promise<Buffer>((resolve, reject) => {
    rejectOnAbort(signal, reject);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('connection closed without a reply')));
    socket.on('data', (chunk) => {
      const message = reader.push(chunk).find((candidate) => answers(candidate, query));
      if (message !== undefined) resolve(message);
    });
    socket.write(frame(query));
  });
  return reply.finally(() => socket.destroy());
}

function rejectOnAbort(signal: AbortSignal, reject: (reason: unknown) => void): void {
  if (signal.aborted) reject(signal.reason);
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
}
