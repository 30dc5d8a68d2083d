/**
 * The node's end of the stream between it and a manager: says who it is, takes assignments, reports statuses, and
 * begins anew, with all it knows, whenever the stream breaks.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { connectClient, send } from '../../proto/client.ts';
import { fromServiceError, GantryError, toGantryError } from '../../proto/errors.ts';
import {
  DispatcherClient,
  type OpenStream,
  type SessionRequest,
  type SessionResponse,
  type SessionWelcome,
} from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { NodeDescription } from '../../proto/generated/gantry/v1/types.ts';
import type { AssignmentApplier } from '../worker/assignment-applier.ts';
import type { Worker } from '../worker/worker.ts';
import { Backoff } from './backoff.ts';
import { delayOrSocket } from './socket-watch.ts';
import { StatusBatch } from './status-batch.ts';
import { serveTunnel, type TunnelMethods } from './tunnel.ts';

export interface SessionOptions {
  readonly nodeId: string;
  readonly description: NodeDescription;
  /** The address that other nodes reach this one at. */
  readonly address: string;
  /** Path of the manager's socket. */
  readonly socket: string;
  readonly worker: Worker;
  readonly applier: AssignmentApplier;
  readonly methods: TunnelMethods;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Statuses that change together travel together; the delay is lost on no user. */
const BATCH_DELAY_MS = 20;
const DEFAULT_HEARTBEAT_MS = 5000;

type SessionCall = ClientDuplexStream<SessionRequest, SessionResponse>;

export type SessionState = { readonly connected: true } | { readonly connected: false; readonly error: string };

export class Session {
  readonly #options: SessionOptions;
  readonly #tunnels = new Set<Promise<void>>();
  #state: SessionState = { connected: false, error: '' };

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Keeps a session until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { socket, logger, random } = this.#options;
    const backoff = new Backoff({ firstMs: 100, lastMs: 2000, random });
    while (!signal.aborted) {
      const error = await this.#connect(signal, () => backoff.reset());
      this.#state = { connected: false, error: error.message };
      if (signal.aborted) break;
      const delayMs = backoff.nextMs();
      logger.info({ error: error.message, delayMs }, 'session with the manager ended');
      await delayOrSocket(socket, delayMs, signal);
    }
    await Promise.all(this.#tunnels);
  }

  /** One session from hello to its end; resolves to why it ended. */
  async #connect(signal: AbortSignal, onWelcome: () => void): Promise<GantryError> {
    const client = connectClient(DispatcherClient, { kind: 'unix', path: this.#options.socket });
    const ended = new AbortController();
    const call = client.session();
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      await this.#hello(call);
      for await (const { message } of call as AsyncIterable<SessionResponse>) {
        if (message?.$case === 'welcome') {
          onWelcome();
          this.#begin(call, message.value, ended.signal);
        } else if (message?.$case === 'assignments') this.#options.applier.receive(message.value);
        else if (message?.$case === 'openStream') this.#openTunnel(client, message.value, signal);
      }
      return new GantryError('UNAVAILABLE', 'the manager ended the session');
    } catch (error) {
      return fromServiceError(error);
    } finally {
      ended.abort();
      signal.removeEventListener('abort', cancel);
      client.close();
    }
  }

  #hello(call: SessionCall): Promise<boolean> {
    const { nodeId, description, address } = this.#options;
    return write(call, { $case: 'hello', value: { nodeId, description, address } });
  }

  /** The manager knows this node now: everything goes to it that it may have missed, and from now on what changes. */
  #begin(call: SessionCall, { heartbeatPeriodMs, sessionId }: SessionWelcome, ended: AbortSignal): void {
    this.#state = { connected: true };
    this.#options.logger.info({ sessionId }, 'session with the manager begins');
    this.#options.applier.beginSession((version) => void write(call, { $case: 'applied', value: { version } }));
    void this.#heartbeats(call, heartbeatPeriodMs || DEFAULT_HEARTBEAT_MS, ended);
    this.#reportStatuses(call, ended);
  }

  async #heartbeats(call: SessionCall, periodMs: number, ended: AbortSignal): Promise<void> {
    while (await elapsed(periodMs, ended)) await write(call, { $case: 'heartbeat', value: {} });
  }

  #reportStatuses(call: SessionCall, ended: AbortSignal): void {
    const { worker } = this.#options;
    const batch = new StatusBatch();
    let sending = false;
    const flush = async () => {
      if (sending) return;
      sending = true;
      while (await elapsed(BATCH_DELAY_MS, ended)) {
        const updates = batch.take();
        if (updates.length === 0) break;
        await write(call, { $case: 'statuses', value: { updates } });
      }
      sending = false;
    };
    const unsubscribe = worker.onStatus((update) => {
      batch.put(update);
      void flush();
    });
    ended.addEventListener('abort', unsubscribe, { once: true });
    for (const update of worker.statuses()) batch.put(update);
    void flush();
  }

  #openTunnel(client: DispatcherClient, open: OpenStream, signal: AbortSignal): void {
    const { methods, logger } = this.#options;
    const call = client.tunnel();
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    const tunnel = serveTunnel(call, open, methods)
      .catch((error: unknown) => logger.warn({ err: toGantryError(error), method: open.method }, 'tunnel failed'))
      .finally(() => {
        signal.removeEventListener('abort', cancel);
        this.#tunnels.delete(tunnel);
      });
    this.#tunnels.add(tunnel);
  }
}

function write(call: SessionCall, message: SessionRequest['message']): Promise<boolean> {
  return send(call as unknown as ClientDuplexStream<SessionRequest, never>, { message });
}

/** False when `signal` has aborted first. */
async function elapsed(delayMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(delayMs, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
