/**
 * Calls to an etcd cluster. All go to one of its members, and to the next once that one fails or doesn't answer in time:
 * also the streams, so that nobody keeps listening to a member that is cut off from the others.
 */
import { noop } from 'cockatiel';
import {
  Etcd3,
  EtcdLeaseInvalidError,
  GRPCOutOfRangeError,
  type ICompare,
  type IEvent,
  type IKeyValue,
  type IRangeRequest,
  type IRangeResponse,
  type IRequestOp,
  type ITxnResponse,
  type IWatchResponse,
} from 'etcd3';
import { GantryError } from '../../../proto/errors.ts';
import { describeFailure, isTransportFailure } from './failure.ts';
import type { KeyRange } from './keys.ts';

export interface EtcdTls {
  readonly ca: Buffer;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

export interface ConnectionOptions {
  /** HOST:PORT; at least one. */
  readonly endpoints: readonly string[];
  readonly tls: EtcdTls | undefined;
  /** How long a member may take to answer. */
  readonly timeoutMs: number;
}

export interface Txn {
  readonly compare: ICompare[];
  readonly success: IRequestOp[];
  readonly failure?: IRequestOp[];
}

export interface WatchEvents {
  readonly revision: number;
  readonly events: readonly IEvent[];
}

/** A page of records, which have up to 1 MiB each, fits; a watch's responses are cut to 1.5 MiB by etcd. */
const MAX_RECEIVE_BYTES = 128 * 1024 * 1024;

const GRPC_OPTIONS = {
  'grpc.max_receive_message_length': MAX_RECEIVE_BYTES,
  // A client that is made anew must not get the connection that the last one gave up.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3000,
} as const;

/** One client, and what ends when it is given up. */
interface Client {
  readonly endpoint: string;
  readonly etcd: Etcd3;
  readonly streams: Set<Stream>;
}

interface Stream {
  cancel(): void;
}

type Response<T> = AsyncIterable<T> & Stream & { on(event: 'error', listener: () => void): unknown };

export class EtcdConnection {
  readonly #options: ConnectionOptions;
  #turn = 0;
  #client: Client;
  #closed: boolean = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#client = this.#connect();
  }

  /** Of the cluster, for messages. */
  get name(): string {
    return `etcd at ${this.#options.endpoints.join(', ')}`;
  }

  /** What is so at a moment between call and return. */
  range(request: IRangeRequest): Promise<IRangeResponse> {
    return this.#retry(({ etcd }) => etcd.kv.range(request, this.#deadline()));
  }

  /** What was so at a revision; undefined when etcd has compacted it, or hasn't come to it. */
  async rangeAt(range: KeyRange, revision: number): Promise<IRangeResponse | undefined> {
    try {
      return await this.range({ ...range, revision });
    } catch (error) {
      if (error instanceof Error && error.cause instanceof GRPCOutOfRangeError) return undefined;
      throw error;
    }
  }

  /** Undefined when there is no such key. */
  async get(key: Buffer): Promise<IKeyValue | undefined> {
    return (await this.range({ key })).kvs[0];
  }

  /** Tried once: when it fails with UNAVAILABLE it may have happened, or may still. */
  txn({ compare, success, failure }: Txn): Promise<ITxnResponse> {
    const request = { compare, success, failure: failure ?? [] };
    return this.#call(({ etcd }) => etcd.kv.txn(request, this.#deadline()));
  }

  /** Forgets what keys were before `revision`, of all in this etcd cluster. Idempotent. */
  async compact(revision: number): Promise<void> {
    try {
      await this.#call(({ etcd }) => etcd.kv.compact({ revision }, this.#deadline()));
    } catch (error) {
      if (!(error instanceof Error && error.cause instanceof GRPCOutOfRangeError)) throw error;
    }
  }

  async grantLease(seconds: number): Promise<{ readonly id: string; readonly seconds: number }> {
    const { ID, TTL } = await this.#retry(({ etcd }) =>
      etcd.leaseClient.leaseGrant({ TTL: seconds }, this.#deadline()),
    );
    return { id: ID, seconds: Number(TTL) };
  }

  /** Seconds that the lease has from now on at least; 0 when there is no such lease any more. */
  keepLeaseAlive(id: string): Promise<number> {
    return this.#retry(async (client) => {
      const stream = await client.etcd.leaseClient.leaseKeepAlive(this.#deadline());
      stream.write({ ID: id });
      for await (const { TTL } of this.#responses(client, stream as unknown as Response<{ TTL: string }>)) {
        return Number(TTL);
      }
      throw new Error('the lease was not answered for');
    });
  }

  /** Idempotent. */
  async revokeLease(id: string): Promise<void> {
    try {
      await this.#retry(({ etcd }) => etcd.leaseClient.leaseRevoke({ ID: id }, this.#deadline()));
    } catch (error) {
      if (!(error instanceof Error && error.cause instanceof EtcdLeaseInvalidError)) throw error;
    }
  }

  /**
   * What happens to the keys from `fromRevision` on, in order, until the signal aborts. Throws UNAVAILABLE when the stream
   * breaks, also because etcd has compacted that revision already: what is so must then be read anew.
   */
  async *watch(range: KeyRange, fromRevision: number, signal: AbortSignal): AsyncGenerator<WatchEvents> {
    const client = this.#client;
    const stream = await this.#call(({ etcd }) => etcd.watchClient.watch());
    const create = { ...range, start_revision: fromRevision, fragment: true } as const;
    stream.write({ create_request: create });
    const responses = this.#responses(client, stream as unknown as Response<IWatchResponse>, signal);
    try {
      for await (const { canceled, compact_revision, cancel_reason, header, events } of responses) {
        if (canceled) throw this.#watchEnded(cancel_reason || `compacted up to ${compact_revision}`);
        if (events.length > 0) yield { revision: Number(header.revision), events };
      }
      throw new Error('the stream of changes has ended');
    } catch (error) {
      if (signal.aborted) return;
      throw error instanceof GantryError ? error : this.#fail(client, error);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    giveUp(this.#client);
  }

  #watchEnded(reason: string): GantryError {
    return new GantryError('UNAVAILABLE', `${this.name} has ended a watch: ${reason}`);
  }

  #deadline(): { deadline: number } {
    return { deadline: Date.now() + this.#options.timeoutMs };
  }

  /** Each member once, and one more time, as a member that was restarted drops its old connections. */
  async #retry<T>(call: (client: Client) => Promise<T>): Promise<T> {
    for (let left = this.#options.endpoints.length; ; left -= 1) {
      const client = this.#client;
      try {
        return await this.#call(call);
      } catch (error) {
        if (left === 0 || this.#closed || client === this.#client) throw error;
      }
    }
  }

  async #call<T>(call: (client: Client) => Promise<T>): Promise<T> {
    const client = this.#client;
    try {
      return await call(client);
    } catch (error) {
      throw this.#fail(client, error);
    }
  }

  async *#responses<T>(client: Client, stream: Response<T>, signal?: AbortSignal): AsyncGenerator<T> {
    const cancel = () => stream.cancel();
    client.streams.add(stream);
    signal?.addEventListener('abort', cancel, { once: true });
    // Cancelling makes an error that comes when nobody iterates any more.
    stream.on('error', () => undefined);
    try {
      if (signal?.aborted !== true) yield* stream;
    } finally {
      signal?.removeEventListener('abort', cancel);
      client.streams.delete(stream);
      stream.cancel();
    }
  }

  /** The error to throw; a client that can't reach its member is given up for one to the next. */
  #fail(client: Client, error: unknown): Error {
    if (this.#closed)
      return new GantryError('UNAVAILABLE', `the connection to ${this.name} is closed`, { cause: error });
    if (isTransportFailure(error) && client === this.#client) {
      this.#turn += 1;
      this.#client = this.#connect();
      giveUp(client);
    }
    return describeFailure(this.name, error);
  }

  #connect(): Client {
    const { endpoints, tls } = this.#options;
    const endpoint = endpoints[this.#turn % endpoints.length] ?? '';
    const etcd = new Etcd3({
      hosts: tls === undefined ? `http://${endpoint}` : `https://${endpoint}`,
      grpcOptions: GRPC_OPTIONS,
      // Trying again is for the caller, who knows whether the call may be made twice.
      faultHandling: { host: () => noop, global: noop },
      ...(tls === undefined ? {} : { credentials: credentials(tls) }),
    });
    return { endpoint, etcd, streams: new Set() };
  }
}

function credentials({ ca, cert, key }: EtcdTls): { rootCertificate: Buffer; privateKey?: Buffer; certChain?: Buffer } {
  if (cert === undefined || key === undefined) return { rootCertificate: ca };
  return { rootCertificate: ca, privateKey: key, certChain: cert };
}

function giveUp({ etcd, streams }: Client): void {
  for (const stream of streams) stream.cancel();
  etcd.close();
}
