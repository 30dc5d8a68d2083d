/**
 * Who leads: whoever has put its name on the leader's key, which goes with its lease. Each look at the cluster is compared
 * with what should be so, and what is missing is done: so it doesn't matter which events came, or were missed.
 *
 * A manager takes the key by a write of its own even when the key names it already, be it from before a restart, from
 * before a lapse of its lease, or because another handed over: the revision of that write is a new term, and whatever it
 * wrote before and is still under way arrives too late.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { GantryError } from '../../../proto/errors.ts';
import { type ClusterView, EMPTY_VIEW } from './cluster-view.ts';
import { Conditions } from './conditions.ts';
import type { EtcdConnection } from './connection.ts';
import { Fence } from './fence.ts';
import type { Keys } from './keys.ts';
import type { LeaseKeeper } from './lease.ts';
import { exists, put, writtenAt } from './operations.ts';

export interface ElectionOptions {
  readonly connection: EtcdConnection;
  readonly keys: Keys;
  readonly id: string;
  readonly lease: LeaseKeeper;
  /** Aborts when it is over. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** The view or the term is another one. */
  readonly onChange: () => void;
}

const RETRY_MS = 100;
/** How long a change that etcd has accepted may take until it is seen here. */
const PATIENCE_MS = 10_000;

export class Election {
  readonly #options: ElectionOptions;
  readonly #conditions = new Conditions();
  #view: ClusterView = EMPTY_VIEW;
  #stands: boolean = false;
  #term: number | undefined;
  /** With which the leader's key was taken: when it ends, so does the term. */
  #lease: string | undefined;
  #running: Promise<void> | undefined;
  #again: boolean = false;

  constructor(options: ElectionOptions) {
    this.#options = options;
  }

  get view(): ClusterView {
    return this.#view;
  }

  /** That this manager leads in, as far as it can know; undefined when another does, or none. */
  get term(): number | undefined {
    const { lease } = this.#options;
    return lease.id !== undefined && lease.id === this.#lease ? this.#term : undefined;
  }

  get isMember(): boolean {
    return this.#view.members.has(this.#options.id);
  }

  /** From now on it takes the key when nobody has it. */
  stand(): void {
    this.#stands = true;
    this.consider();
  }

  /** Passes over what was before our own last write: the change that it made is still on its way here. */
  observe(view: ClusterView): void {
    if (view.revision < this.#view.revision) return;
    this.#view = view;
    this.consider();
    this.#changed();
  }

  /** Compares cluster and lease with what should be so: something has changed. */
  consider(): void {
    if (this.#term !== undefined && !this.#stillLeads()) this.lose(this.#term);
    this.#again = true;
    this.#running ??= this.#run();
  }

  /** No longer the leader in this term. */
  lose(term: number): void {
    if (this.#term !== term) return;
    this.#term = undefined;
    this.#changed();
    this.consider();
  }

  /** Gives the key to another member, whose lease keeps it from now on; resolves once that one has taken it. */
  async handOver(to: string): Promise<void> {
    const { connection, keys } = this.#options;
    const term = this.#term;
    const lease = this.#view.alive.get(to);
    if (lease === undefined || term === undefined) {
      throw new GantryError('UNAVAILABLE', `cannot hand over to node ${to}: it can't be reached`);
    }
    const fence = new Fence(connection, keys, term);
    const revision = await fence.write([put(keys.leader, to, lease)], [exists(keys.member(to))]);
    if (revision === undefined)
      throw new GantryError('CONFLICT', `cannot hand over to node ${to}: the leader is another one now`);
    this.#learn(revision, { leader: { id: to, term: revision } });
    this.lose(term);
    await this.until(`node ${to} leads`, ({ leader }) => leader?.id === to && leader.term > revision);
  }

  /** Resolves when `isSo`; UNAVAILABLE when that takes too long. */
  until(what: string, isSo: (view: ClusterView) => boolean): Promise<void> {
    const explain = () =>
      new GantryError('UNAVAILABLE', `waited ${PATIENCE_MS / 1000} s until ${what}`, { hint: 'try again' });
    return this.#conditions.until(() => isSo(this.#view), { timeoutMs: PATIENCE_MS, explain });
  }

  /** Whoever waits is rejected. Resolves when nothing is under way any more. */
  async end(error: GantryError): Promise<void> {
    this.#conditions.end(error);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal, logger } = this.#options;
    // Not at once: what changes in the same turn is looked at together.
    await undefined;
    while (this.#again && !signal.aborted) {
      this.#again = false;
      try {
        await this.#reconcile();
      } catch (error) {
        logger.debug({ err: error }, 'taking part in the election has failed');
        this.#again = true;
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    // In the same turn as the last look: whoever comes later starts anew.
    this.#running = undefined;
  }

  async #reconcile(): Promise<void> {
    const { id, lease } = this.#options;
    const leaseId = lease.id;
    if (leaseId === undefined || !this.isMember) return;
    if (this.#view.alive.get(id) !== leaseId) await this.#showAlive(leaseId);
    const { leader } = this.#view;
    const isFree = leader === undefined || (leader.id === id && leader.term !== this.#term);
    if (this.#stands && isFree) await this.#take(leaseId);
  }

  #stillLeads(): boolean {
    return this.term !== undefined && this.isMember && this.#view.leader?.term === this.#term;
  }

  async #showAlive(lease: string): Promise<void> {
    const { connection, keys, id } = this.#options;
    const { succeeded, header } = await connection.txn({
      compare: [exists(keys.member(id))],
      success: [put(keys.alive(id), '', lease)],
    });
    if (succeeded) this.#learn(Number(header.revision), { alive: new Map(this.#view.alive).set(id, lease) });
  }

  async #take(lease: string): Promise<void> {
    const { connection, keys, id } = this.#options;
    const { succeeded, header } = await connection.txn({
      compare: [writtenAt(keys.leader, this.#view.leader?.term ?? 0), exists(keys.member(id))],
      success: [put(keys.leader, id, lease)],
    });
    // Otherwise another was faster, and the view will tell.
    if (!succeeded) return;
    const term = Number(header.revision);
    this.#term = term;
    this.#lease = lease;
    this.#learn(term, { leader: { id, term } });
    if (!this.#stillLeads()) this.lose(term);
  }

  /** What a write of ours has done, unless the view has it already, and perhaps what came after it. */
  #learn(revision: number, change: Partial<ClusterView>): void {
    if (this.#view.revision < revision) this.#view = { ...this.#view, ...change, revision };
    this.#changed();
  }

  #changed(): void {
    this.#options.onChange();
    this.#conditions.check();
  }
}
