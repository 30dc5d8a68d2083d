/** What a manager does while it leads: runs all loops, and answers; and nothing of it before or after. */
import type { Logger } from 'pino';
import { GantryError } from '../proto/errors.ts';
import type { RandomBytes } from '../proto/ids.ts';
import { allocatorLoop } from './allocator/allocator.ts';
import { virtualIpLoop } from './allocator/virtual-ips.ts';
import type { ApiContext } from './api/context.ts';
import { UsedRanges } from './api/used-ranges.ts';
import { bootstrap } from './bootstrap.ts';
import { CertificateAuthority } from './ca/authority.ts';
import { runRotationLoop } from './ca/rotation-loop.ts';
import type { Clock } from './clock.ts';
import { type ControlLoop, runControlLoop } from './control-loop.ts';
import { Dispatcher } from './dispatcher/dispatcher.ts';
import type { LiveIdentity } from './identity.ts';
import { NodeImages } from './images/node-images.ts';
import type { ManagerMetrics } from './metrics/manager-metrics.ts';
import { dependenciesLoop } from './orchestrator/dependencies/dependencies.ts';
import { globalLoop } from './orchestrator/global/global.ts';
import { jobLoop } from './orchestrator/job/job.ts';
import { preStartLoop } from './orchestrator/pre-start/pre-start.ts';
import { reaperLoop } from './orchestrator/reaper/reaper.ts';
import { replicatedLoop } from './orchestrator/replicated/replicated.ts';
import { restartLoop } from './orchestrator/restart/restart.ts';
import { stopLoop } from './orchestrator/stop/stop.ts';
import { updateLoop } from './orchestrator/update/update.ts';
import type { AskPeers } from './peer-status.ts';
import { noLeader } from './replication/quorum-loss.ts';
import type { ReplicatedLog } from './replication/replicated-log.ts';
import { runRoleLoop } from './roles/role-loop.ts';
import { schedulerLoop } from './scheduler/scheduler.ts';
import type { Store } from './store/store.ts';
import { Turns } from './turns.ts';

export interface LeadershipOptions {
  readonly store: Store;
  readonly log: ReplicatedLog;
  readonly nodeId: string;
  readonly identity: Pick<LiveIdentity, 'current' | 'replace'>;
  readonly askPeers: AskPeers;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly logger: Logger;
  readonly heartbeatPeriodMs: number;
  /** How long a node may be down before its tasks are replaced elsewhere. */
  readonly nodeDownGraceMs: number;
  /** Whether the managers seal their logs with keys of their own. */
  readonly hasKeys: boolean;
  readonly metrics: ManagerMetrics;
}

/** The parts that work during one term of leadership. */
export interface Term {
  readonly dispatcher: Dispatcher;
  readonly api: ApiContext;
  readonly authority: CertificateAuthority;
}

/** The manager that answers. */
export type Leader =
  | { readonly kind: 'here'; readonly term: Term }
  | { readonly kind: 'elsewhere'; readonly nodeId: string };

/** A request that comes before there is a leader waits this long for one, */
const PATIENCE_MS = 10_000;
/** but only so long while as many managers as are needed can't even be reached. */
const PATIENCE_WITHOUT_QUORUM_MS = 3000;

export class LeadershipRunner {
  readonly #options: LeadershipOptions;
  readonly #waiting = new Set<() => void>();
  #term: Term | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  /** Agents with a session here; undefined while this manager doesn't lead. */
  get sessions(): number | undefined {
    return this.#term?.dispatcher.sessionCount;
  }

  /** The present term's parts; waits for leadership. UNAVAILABLE, with why, when another manager leads, or none does. */
  async term(signal: AbortSignal): Promise<Term> {
    const leader = await this.leader(signal);
    if (leader.kind === 'here') return leader.term;
    throw new GantryError('UNAVAILABLE', `this manager does not lead: the cluster is led by node ${leader.nodeId}`, {
      hint: 'try again, or ask the leader',
    });
  }

  /** Who answers calls now; waits until somebody does. UNAVAILABLE, with why, when nobody does in time. */
  async leader(signal: AbortSignal): Promise<Leader> {
    const { log } = this.#options;
    const early = await this.#leaderWithin(PATIENCE_WITHOUT_QUORUM_MS, signal);
    if (early !== undefined) return early;
    const problem = log.problem();
    if (problem !== undefined) throw problem;
    const late = await this.#leaderWithin(PATIENCE_MS - PATIENCE_WITHOUT_QUORUM_MS, signal);
    if (late !== undefined) return late;
    throw log.problem() ?? noLeader();
  }

  async #leaderWithin(patienceMs: number, signal: AbortSignal): Promise<Leader | undefined> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
    for (;;) {
      if (this.#term !== undefined) return { kind: 'here', term: this.#term };
      const { leaderId } = this.#options.log.leadership();
      if (leaderId !== undefined && leaderId !== this.#options.nodeId) return { kind: 'elsewhere', nodeId: leaderId };
      if (limit.aborted) return undefined;
      await this.#changed(limit);
    }
  }

  /** Resolves when this manager's term begins, when leadership goes elsewhere, or when the signal aborts. */
  async #changed(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const unsubscribe = this.#options.log.onLeadership(() => resolve());
    this.#waiting.add(resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    unsubscribe();
    this.#waiting.delete(resolve);
  }

  /** Leads whenever the log says so, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#waitUntil(true, signal);
      if (signal.aborted) return;
      await this.#lead(signal);
    }
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { log, logger, clock } = this.#options;
    const over = new AbortController();
    const ended = AbortSignal.any([signal, over.signal]);
    const lost = this.#waitUntil(false, ended).then(() => over.abort());
    try {
      await log.readBarrier();
      await this.#runParts(over, ended);
    } catch (error) {
      logger.error({ err: error }, 'leading broke off');
      over.abort();
      await clock.sleep(1000, signal);
    } finally {
      this.#term = undefined;
      over.abort();
      await lost;
    }
  }

  /** Until the signal aborts; when one part fails, the others end too. */
  async #runParts(over: AbortController, signal: AbortSignal): Promise<void> {
    const { store, nodeId, clock, random, logger, log, heartbeatPeriodMs, nodeDownGraceMs } = this.#options;
    const { identity, askPeers, metrics } = this.#options;
    await bootstrap(store, nodeId, random, clock.now());
    const managers = () => log.members().map(({ id, address }) => ({ nodeId: id, address }));
    const caLogger = logger.child({ component: 'ca' });
    const upToDate = () => log.readBarrier();
    const authority = new CertificateAuthority({ store, clock, managers, upToDate, logger: caLogger });
    if (identity.current === undefined) await identity.replace(await authority.issueOwn(nodeId));
    const dispatcherLogger = logger.child({ component: 'dispatcher' });
    const turns = new Turns();
    const images = new NodeImages();
    const dispatcher = new Dispatcher({
      ...{ store, clock, random, managers, heartbeatPeriodMs, turns, images },
      logger: dispatcherLogger,
    });
    const loops: ControlLoop[] = [
      replicatedLoop(random),
      globalLoop(random),
      jobLoop(random),
      restartLoop(random, nodeDownGraceMs),
      updateLoop(random),
      dependenciesLoop(),
      preStartLoop(),
      stopLoop(),
      reaperLoop(),
      allocatorLoop(logger),
      virtualIpLoop(logger),
      schedulerLoop(metrics, images),
    ];
    const parts = [
      ...loops.map((loop) => runControlLoop(loop, { store, clock, turns, logger, metrics }, signal)),
      dispatcher.run(signal),
      runRoleLoop({ store, log, clock, nodeId, logger: logger.child({ component: 'roles' }) }, signal),
      runRotationLoop({ store, nodeId, identity, askPeers, clock, random, logger: caLogger }, signal),
    ];
    const leaderNodeId = () => log.leadership().leaderId ?? '';
    const { hasKeys } = this.#options;
    const engines = dispatcher;
    const parties = { store, log, engines, images, clock, random, logger };
    const usedRanges = new UsedRanges();
    const api = { ...parties, usedRanges, nodeId, leaderNodeId, hasKeys, termOver: signal };
    this.#term = { dispatcher, api, authority };
    for (const settle of [...this.#waiting]) settle();
    logger.info({ term: log.leadership().term }, 'leading');
    try {
      await Promise.all(parts);
    } finally {
      over.abort();
      await Promise.allSettled(parts);
    }
  }

  async #waitUntil(leading: boolean, signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    if (signal.aborted || log.leadership().isLeader === leading) return;
    await new Promise<void>((resolve) => {
      const settle = () => {
        unsubscribe();
        signal.removeEventListener('abort', settle);
        resolve();
      };
      const unsubscribe = log.onLeadership((leadership) => {
        if (leadership.isLeader === leading) settle();
      });
      signal.addEventListener('abort', settle, { once: true });
    });
  }
}
