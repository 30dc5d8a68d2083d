/**
 * This manager's lease in etcd, which says that it is alive, and kept up while it is. Its end is reckoned by the
 * manager's own monotonic clock from the moment at which it asked, which is before the moment from which etcd reckons: so
 * a manager never believes in a lease that etcd has ended.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { GantryError, toGantryError } from '../../../proto/errors.ts';
import type { EtcdConnection } from './connection.ts';
import { UNREACHABLE } from './failure.ts';

export interface LeaseOptions {
  readonly connection: EtcdConnection;
  readonly seconds: number;
  /** Milliseconds from some moment on; never goes back, and doesn't stop while the process is stopped. */
  readonly monotonicMs: () => number;
  readonly logger: Logger;
  /** The lease is another one, has been renewed, or has ended. */
  readonly onChange: () => void;
}

/** So many tries at least before it ends. */
const RENEWALS_PER_LEASE = 4;
const RETRY_MS = 100;
/** The manager stops to lead so much earlier: what it was about to do is done by then. */
const MARGIN_MS = 250;

export class LeaseKeeper {
  readonly #options: LeaseOptions;
  #id: string | undefined;
  #endsAtMs = Number.NEGATIVE_INFINITY;
  #ending: NodeJS.Timeout | undefined;
  #problem: GantryError | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Undefined when there is none, or it may have ended. */
  get id(): string | undefined {
    return this.#options.monotonicMs() < this.#endsAtMs ? this.#id : undefined;
  }

  /** Why there is none; undefined when there is one, or only the first is on its way. */
  get problem(): GantryError | undefined {
    if (this.id !== undefined) return undefined;
    if (this.#problem !== undefined || this.#id === undefined) return this.#problem;
    const { code, what, hint } = UNREACHABLE;
    return new GantryError(code, `${this.#options.connection.name} ${what}: it does not answer`, { hint });
  }

  /** Keeps it until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = await this.#renew();
      if (!signal.aborted) await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
    clearTimeout(this.#ending);
  }

  /** Ends it, and with it every key that it holds. Never rejects: what can't be told to etcd it finds out itself, later. */
  async revoke(): Promise<void> {
    const { connection, logger } = this.#options;
    const id = this.id;
    this.#endsAtMs = Number.NEGATIVE_INFINITY;
    clearTimeout(this.#ending);
    if (id === undefined || this.#problem !== undefined) return;
    await connection.revokeLease(id).catch((error: unknown) => {
      logger.debug({ err: error }, 'the lease in etcd was not given back');
    });
  }

  /** Milliseconds until it is due again. */
  async #renew(): Promise<number> {
    try {
      const seconds = await this.#extend();
      if (this.#problem !== undefined) this.#options.logger.info('etcd can be reached again');
      this.#problem = undefined;
      this.#options.onChange();
      return (seconds * 1000) / RENEWALS_PER_LEASE;
    } catch (error) {
      if (this.#problem === undefined) this.#options.logger.warn({ err: error }, 'the lease in etcd was not renewed');
      this.#problem = toGantryError(error);
      return RETRY_MS;
    }
  }

  /** Seconds that it has from now on. */
  async #extend(): Promise<number> {
    const { connection, seconds, monotonicMs } = this.#options;
    const askedAtMs = monotonicMs();
    if (this.#id !== undefined) {
      const left = await connection.keepLeaseAlive(this.#id);
      if (left > 0) return this.#holds(this.#id, askedAtMs, left);
      this.#options.logger.warn({ lease: this.#id }, 'the lease in etcd has ended');
      this.#id = undefined;
    }
    const grantedAtMs = monotonicMs();
    const lease = await connection.grantLease(seconds);
    return this.#holds(lease.id, grantedAtMs, lease.seconds);
  }

  #holds(id: string, fromMs: number, seconds: number): number {
    this.#id = id;
    this.#endsAtMs = fromMs + seconds * 1000 - MARGIN_MS;
    this.#awaitEnd();
    return seconds;
  }

  #awaitEnd(): void {
    const { monotonicMs, onChange } = this.#options;
    clearTimeout(this.#ending);
    const end = () => {
      // A timer's milliseconds aren't the clock's: it may be early.
      if (this.id === undefined) onChange();
      else this.#awaitEnd();
    };
    this.#ending = setTimeout(end, Math.ceil(this.#endsAtMs - monotonicMs()));
  }
}
