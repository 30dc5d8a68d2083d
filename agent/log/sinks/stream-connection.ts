/** A connection to a receiver of logs, made when there is something to send and again after it has broken. */
import type { Socket } from 'node:net';
import { GantryError } from '../../../proto/errors.ts';

const CONNECT_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;

export interface StreamOptions {
  /** In words: "syslog at tcp://logs:514" */
  readonly what: string;
  /** Begins to connect. */
  readonly open: () => Socket;
  /** 'secureConnect' of what is encrypted. */
  readonly connected: 'connect' | 'secureConnect';
  readonly onData?: (data: Buffer) => void;
  /** How long the receiver may take nothing; undefined: as long as it is there. */
  readonly writeTimeoutMs?: number | undefined;
}

export class StreamConnection {
  readonly #options: StreamOptions;
  #socket: Socket | undefined;
  /** Rejects what waits for the socket when that breaks. */
  #broken: PromiseWithResolvers<never> | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** Resolves when the kernel has it all. Rejects with UNAVAILABLE, or when the signal aborts; there is no connection then. */
  async write(data: Uint8Array, signal: AbortSignal): Promise<void> {
    const { writeTimeoutMs } = this.#options;
    await this.#guarded(signal, async () => {
      const socket = this.#socket ?? (await this.#connect());
      await this.#unlessBroken(
        new Promise<void>((resolve, reject) => socket.write(data, (error) => (error ? reject(error) : resolve()))),
        writeTimeoutMs,
      );
    });
  }

  /** Waits for what the receiver answers, unless the connection breaks. */
  async answered(answer: Promise<void>, timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.#guarded(signal, () => this.#unlessBroken(answer, timeoutMs));
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async #guarded(signal: AbortSignal, action: () => Promise<void>): Promise<void> {
    const abort = () => this.close();
    signal.addEventListener('abort', abort, { once: true });
    try {
      await action();
    } catch (cause) {
      this.close();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new GantryError('UNAVAILABLE', `${this.#options.what} does not take logs: ${reason}`, { cause });
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async #connect(): Promise<Socket> {
    const { open, connected, onData } = this.#options;
    const socket = open();
    const broken = Promise.withResolvers<never>();
    // Nobody may be waiting when it breaks.
    broken.promise.catch(() => undefined);
    this.#socket = socket;
    this.#broken = broken;
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('error', (error) => broken.reject(error));
    socket.on('close', () => {
      broken.reject(new Error('the connection was closed'));
      if (this.#socket === socket) this.#socket = undefined;
    });
    // What isn't read would keep the end of the connection from being noticed.
    socket.on('data', (data) => onData?.(data));
    await this.#unlessBroken(new Promise<void>((resolve) => socket.once(connected, () => resolve())), CONNECT_MS);
    return socket;
  }

  async #unlessBroken(awaited: Promise<void>, timeoutMs: number | undefined): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => late.reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      await Promise.race([awaited, late.promise, ...(this.#broken === undefined ? [] : [this.#broken.promise])]);
    } finally {
      clearTimeout(timer);
    }
  }
}
