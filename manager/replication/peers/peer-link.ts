/** The stream of messages to one peer: kept open, opened again when it breaks, with a bounded queue before it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientWritableStream, connectivityState } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { send } from '../../../proto/client.ts';
import type { RaftBatch, RaftClient, RaftMessage } from '../../../proto/generated/gantry/v1/raft.ts';

export interface PeerLinkOptions {
  readonly id: string;
  readonly address: string;
  /** A new client each time; the link closes it. */
  readonly connect: (address: string) => RaftClient;
  readonly onUnreachable: () => void;
  readonly onGone: () => void;
  readonly logger: Logger;
}

/** More than this many wait only for a peer that takes nothing in: it will be brought up to date later. */
const MAX_QUEUED = 4096;
const MAX_QUEUED_BYTES = 16 * 1024 * 1024;
/** Bounds a batch, so that a heartbeat isn't behind megabytes in one message. */
const MAX_BATCH = 256;
const CONNECT_TIMEOUT_MS = 1000;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1000;
const REFUSED: ReadonlySet<connectivityState> = new Set([
  connectivityState.TRANSIENT_FAILURE,
  connectivityState.SHUTDOWN,
]);

interface Queued {
  readonly message: RaftMessage;
  readonly bytes: number;
}

export class PeerLink {
  readonly #options: PeerLinkOptions;
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #connected: boolean = false;
  #wake: () => void = () => undefined;

  /** Connects at once. */
  constructor(options: PeerLinkOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  get address(): string {
    return this.#options.address;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** False when the message is lost. `bytes`: about what it takes. */
  send(message: RaftMessage, bytes: number): boolean {
    if (!this.#connected || this.#queue.length >= MAX_QUEUED || this.#queuedBytes + bytes > MAX_QUEUED_BYTES)
      return false;
    this.#queue.push({ message, bytes });
    this.#queuedBytes += bytes;
    this.#wake();
    return true;
  }

  async close(): Promise<void> {
    this.#ended.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    let delayMs = FIRST_RETRY_MS;
    let wasConnected = false;
    while (!signal.aborted) {
      const connected = await this.#session();
      if (signal.aborted) return;
      if (connected) {
        // Once more at once: only when that fails, too, is it the peer that is gone, and not just the stream.
        wasConnected = true;
        delayMs = FIRST_RETRY_MS;
        continue;
      }
      if (wasConnected) this.#options.onGone();
      wasConnected = false;
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, LAST_RETRY_MS);
    }
  }

  /** One connection from beginning to end; false when there never was one. */
  async #session(): Promise<boolean> {
    const client = this.#options.connect(this.#options.address);
    try {
      if (!(await ready(client))) return false;
      if (this.#ended.signal.aborted) return true;
      await this.#stream(client);
      return true;
    } finally {
      this.#connected = false;
      this.#dropQueue();
      client.close();
    }
  }

  async #stream(client: RaftClient): Promise<void> {
    const { id, logger } = this.#options;
    let open = true;
    const call = client.messages((error) => {
      open = false;
      this.#wake();
      if (error !== null && !this.#ended.signal.aborted)
        logger.info({ peer: id, error: error.message }, 'stream to peer ended');
    });
    // A stream that ends early says so through the callback.
    call.on('error', () => undefined);
    const cancel = () => call.cancel();
    this.#ended.signal.addEventListener('abort', cancel, { once: true });
    this.#connected = true;
    logger.info({ peer: id, address: this.#options.address }, 'connected to peer');
    while (open && !this.#ended.signal.aborted) {
      if (this.#queue.length === 0)
        await new Promise<void>((wake) => {
          this.#wake = wake;
        });
      else await this.#flush(call);
    }
    this.#ended.signal.removeEventListener('abort', cancel);
  }

  async #flush(call: ClientWritableStream<RaftBatch>): Promise<void> {
    const batch = this.#queue.splice(0, MAX_BATCH);
    for (const { bytes } of batch) this.#queuedBytes -= bytes;
    await send(call, { messages: batch.map(({ message }) => message) });
  }

  #dropQueue(): void {
    if (this.#queue.length > 0) this.#options.onUnreachable();
    this.#queue = [];
    this.#queuedBytes = 0;
  }
}

/** False as soon as the connection is refused: whoever waits for the leader of before shouldn't wait for a deadline. */
function ready(client: RaftClient): Promise<boolean> {
  const channel = client.getChannel();
  const deadline = Date.now() + CONNECT_TIMEOUT_MS;
  return new Promise((resolve) => {
    const look = (error?: Error): void => {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) resolve(true);
      else if (error !== undefined || REFUSED.has(state)) resolve(false);
      else channel.watchConnectivityState(state, deadline, look);
    };
    look();
  });
}
