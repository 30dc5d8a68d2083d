/** Messages that go one by one: over UDP, and to sockets of the host. */
import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Native } from '../../../native/addon/native.ts';
import { GantryError } from '../../../proto/errors.ts';
import type { HostPort } from '../../../proto/log/addresses.ts';

/** How soon a receiver on the host that is busy is asked again. */
const BUSY_MS = 10;

export interface DatagramWay {
  /** UNAVAILABLE when it is known that nobody gets them; some may have arrived. */
  send(messages: readonly Buffer[], signal: AbortSignal): Promise<void>;
  close(): void;
}

export class UdpWay implements DatagramWay {
  readonly #what: string;
  readonly #address: HostPort;
  #socket: Socket | undefined;
  #refusal: Error | undefined;

  constructor(what: string, address: HostPort) {
    this.#what = what;
    this.#address = address;
  }

  async send(messages: readonly Buffer[], signal: AbortSignal): Promise<void> {
    try {
      const socket = this.#socket ?? (await this.#connect(signal));
      for (const message of messages) {
        if (signal.aborted) return;
        if (this.#refusal !== undefined) throw this.#refusal;
        await new Promise<void>((resolve, reject) =>
          socket.send(message, (error) => (error ? reject(error) : resolve())),
        );
      }
    } catch (cause) {
      this.close();
      throw unavailable(this.#what, cause);
    }
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#refusal = undefined;
  }

  /** Connected, so that the kernel says when nobody listens there. */
  async #connect(signal: AbortSignal): Promise<Socket> {
    const { host, port } = this.#address;
    const { address, family } = await unlessAborted(lookup(host), signal);
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    // An answer that nobody listens, to what was sent before.
    socket.on('error', (error) => {
      this.#refusal ??= error;
    });
    socket.unref();
    socket.connect(port, address);
    await once(socket, 'connect');
    this.#socket = socket;
    return socket;
  }
}

export class UnixDatagramWay implements DatagramWay {
  readonly #native: Pick<Native, 'connectDatagram' | 'sendDatagram' | 'closeFd'>;
  readonly #path: string;
  #fd: number | undefined;

  constructor(native: Pick<Native, 'connectDatagram' | 'sendDatagram' | 'closeFd'>, path: string) {
    this.#native = native;
    this.#path = path;
  }

  async send(messages: readonly Buffer[], signal: AbortSignal): Promise<void> {
    try {
      this.#fd ??= this.#native.connectDatagram(this.#path);
      for (const message of messages) {
        while (!this.#native.sendDatagram(this.#fd, message)) await delay(BUSY_MS, undefined, { signal });
      }
    } catch (cause) {
      this.close();
      throw unavailable(this.#path, cause);
    }
  }

  close(): void {
    if (this.#fd !== undefined) this.#native.closeFd(this.#fd);
    this.#fd = undefined;
  }
}

/** Names are looked up for as long as it takes, but nobody may be left waiting. */
async function unlessAborted<T>(awaited: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(new Error('it was given up'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([awaited, aborted.promise]);
  } finally {
    // The signal lives as long as the container: a receiver that is away for weeks must leave nothing with it.
    signal.removeEventListener('abort', abort);
  }
}

function unavailable(what: string, cause: unknown): GantryError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new GantryError('UNAVAILABLE', `${what} does not take logs: ${reason}`, { cause });
}
