/**
 * Brings this node in line with what the manager assigns, and says up to which version it has: networks first, then
 * names and endpoints, then tasks. Messages that come while one is being applied are put together and applied at once.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Assignments } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { ClusterNetworks } from '../network/networks.ts';
import type { AssignmentFile } from './assignment-file.ts';
import { type AssignmentSet, allAttached, mergeAssignments, NO_ASSIGNMENTS } from './assignment-set.ts';
import { withoutCredentials } from './pull-credentials.ts';
import type { Worker } from './worker.ts';

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

export interface ApplierOptions {
  readonly worker: Worker;
  readonly networks: ClusterNetworks;
  readonly file: AssignmentFile;
  readonly logger: Logger;
}

export class AssignmentApplier {
  readonly #options: ApplierOptions;
  #wanted: AssignmentSet = NO_ASSIGNMENTS;
  #version = 0;
  /** What the kernel was last brought in line with, so that nothing is applied twice; undefined before the first time. */
  #appliedNetworks: AssignmentSet['networks'] | undefined;
  #appliedPeers: AssignmentSet['peers'] | undefined;
  #appliedEndpoints: AssignmentSet['endpoints'] | undefined;
  #appliedAttached: AssignmentSet['attached'] | undefined;
  #onApplied: (version: number) => void = () => undefined;
  #pending: boolean = false;
  #closed: boolean = false;
  #dismissed: boolean = false;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;

  constructor(options: ApplierOptions) {
    this.#options = options;
  }

  /** Restores networks, endpoints and tasks as an earlier agent left them. */
  async start(): Promise<void> {
    const last = this.#options.file.load();
    if (last !== undefined) {
      await this.#attempt('networks', () => this.#applyNetworks(last));
      await this.#attempt('names', () => this.#applyAttached(last.attached));
      await this.#attempt('endpoints', () => this.#applyEndpoints(last.endpoints));
      // A manager that doesn't know of them yet doesn't revoke them.
      this.#wanted = { ...this.#wanted, unconfirmed: last.attached };
    }
    this.#options.worker.start(this.#readyNetworks());
  }

  /** A new session begins: versions count anew, and its acknowledgements go to `onApplied`. */
  beginSession(onApplied: (version: number) => void): void {
    this.#version = 0;
    this.#dismissed = false;
    this.#onApplied = onApplied;
  }

  /** Takes over a message; `onApplied` hears when the node is in line with it. */
  receive(message: Assignments): void {
    this.#wanted = mergeAssignments(this.#wanted, message);
    this.#version = message.version;
    this.#failures = 0;
    this.#poke();
  }

  /** The node was removed from its cluster: its tasks go, which run elsewhere. Their networks stay until it leaves. */
  dismiss(): void {
    if (this.#dismissed) return;
    this.#dismissed = true;
    const networks = this.#appliedNetworks ?? NO_ASSIGNMENTS.networks;
    const peers = this.#appliedPeers ?? NO_ASSIGNMENTS.peers;
    const endpoints = this.#appliedEndpoints ?? NO_ASSIGNMENTS.endpoints;
    const attached = this.#appliedAttached ?? NO_ASSIGNMENTS.attached;
    this.#wanted = { ...NO_ASSIGNMENTS, networks, peers, endpoints, attached };
    this.#onApplied = () => undefined;
    this.#poke();
  }

  /** Ends after what is being applied; the node stays as it is. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #poke(): void {
    this.#pending = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    while (this.#pending && !this.#closed) {
      this.#pending = false;
      clearTimeout(this.#timer);
      // Taken now: while they are applied, the next message may come, or the next session begin.
      const [set, version, onApplied] = [this.#wanted, this.#version, this.#onApplied];
      if (await this.#apply(set)) onApplied(version);
      else this.#retryLater();
    }
  }

  /** False when part of it failed. The tasks get their turn in any case: some have to stop. */
  async #apply(set: AssignmentSet): Promise<boolean> {
    const { file, worker } = this.#options;
    const { networks, peers, endpoints, tasks, secrets, configs } = set;
    const attached = allAttached(set);
    const { bare, credentials } = withoutCredentials(tasks);
    const done = [
      await this.#attempt('networks', () => this.#applyNetworks({ networks, peers })),
      await this.#attempt('names', () => this.#applyAttached(attached)),
      await this.#attempt('endpoints', () => this.#applyEndpoints(endpoints)),
      await this.#attempt('networks to disk', () => file.save({ networks, peers, endpoints, attached })),
      await this.#attempt('tasks', () =>
        worker.assign(bare, { secrets, configs, credentials, networks: this.#readyNetworks() }),
      ),
    ];
    return done.every((succeeded) => succeeded);
  }

  async #attempt(what: string, apply: () => Promise<void> | void): Promise<boolean> {
    try {
      await apply();
      return true;
    } catch (error) {
      this.#options.logger.error({ err: error }, `cannot apply the assigned ${what}; trying again`);
      return false;
    }
  }

  async #applyNetworks({ networks, peers }: Pick<AssignmentSet, 'networks' | 'peers'>): Promise<void> {
    if (same(this.#appliedNetworks, networks) && same(this.#appliedPeers, peers)) return;
    await this.#options.networks.applyNetworks([...networks.values()], [...peers.values()]);
    this.#appliedNetworks = networks;
    this.#appliedPeers = peers;
  }

  async #applyEndpoints(endpoints: AssignmentSet['endpoints']): Promise<void> {
    if (same(this.#appliedEndpoints, endpoints)) return;
    await this.#options.networks.applyEndpoints([...endpoints.values()]);
    this.#appliedEndpoints = endpoints;
  }

  async #applyAttached(attached: AssignmentSet['attached']): Promise<void> {
    if (same(this.#appliedAttached, attached)) return;
    await this.#options.networks.applyAttached([...attached.values()]);
    this.#appliedAttached = attached;
  }

  #readyNetworks(): ReadonlySet<string> {
    return new Set(this.#appliedNetworks?.keys());
  }

  #retryLater(): void {
    if (this.#closed || this.#pending) return;
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, LAST_RETRY_MS);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#poke(), delayMs);
  }
}

/** What no message touched is the same object: with a thousand networks, that is told at once. */
function same<Items>(applied: Items | undefined, wanted: Items): boolean {
  return applied === wanted || isDeepStrictEqual(applied, wanted);
}
