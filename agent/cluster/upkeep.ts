/** Keeps a node what the cluster says it is: its role, its certificate, and what it knows of the managers. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { AuthorityNotice, Membership as ToldMembership } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { NodeRole } from '../../proto/generated/gantry/v1/types.ts';
import { certificatesIn, rootDigest, tlsOf } from '../../proto/root-certificates.ts';
import { type NodeIdentity, ownPeer } from '../../proto/tls.ts';
import { Backoff } from '../session/backoff.ts';
import type { MembershipFile } from './membership.ts';
import { certificateLifeMs, renewalTimeMs } from './renewal.ts';
import { type Certificate, nextUpkeepStep, type Standing, type ToldAuthority, type UpkeepStep } from './upkeep-plan.ts';

/** What the steps do; each of them can be broken off at any point and done again. */
export interface UpkeepActions {
  identity(): NodeIdentity | undefined;
  /**
   * Tells the cluster how this node stands with its authority, if that isn't what was told last. Nothing is under way that
   * could change it for another rotation than this one.
   */
  report(rotationStartedAtMs: number): void;
  /** From now on the roots in this PEM are trusted, and no others. */
  trust(rootCertificates: string): Promise<void>;
  /** Writes nothing when the certificate isn't wanted any more once it is there. */
  renew(isWanted: () => boolean): Promise<void>;
  startManager(): Promise<void>;
  stopManager(): Promise<void>;
}

export interface UpkeepOptions {
  readonly file: MembershipFile;
  readonly actions: UpkeepActions;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Clocks are set, and hosts sleep: no wait is longer than this. */
const LONGEST_WAIT_MS = 3_600_000;

export class Upkeep {
  readonly #options: UpkeepOptions;
  readonly #jitter: number;
  #told: ToldMembership | undefined;
  #changed = new AbortController();

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#jitter = options.random();
  }

  /** What a manager says of this node and of the managers. */
  receive(membership: ToldMembership): void {
    this.#told = membership;
    this.#changed.abort();
  }

  /** Until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger, random, now } = this.#options;
    const backoff = new Backoff({ firstMs: 500, lastMs: 60_000, random });
    while (!signal.aborted) {
      this.#changed = new AbortController();
      try {
        const step = await this.#nextStep();
        if (step.step === 'wait') await this.#wait(step.untilMs - now(), signal);
        else await this.#take(step);
        backoff.reset();
      } catch (thrown) {
        const delayMs = backoff.nextMs();
        logger.warn({ err: toGantryError(thrown), delayMs }, 'this node is not yet what the cluster says it is');
        await this.#wait(delayMs, signal);
      }
    }
  }

  async #nextStep(): Promise<UpkeepStep> {
    const { file, now } = this.#options;
    const managers = this.#told?.managers;
    // For the next start: without them a node whose cluster is reachable would not know where.
    if (managers !== undefined && JSON.stringify(managers) !== JSON.stringify(file.current?.managers)) {
      await file.update({ managers });
    }
    this.#options.actions.report(this.#rotation);
    return nextUpkeepStep(this.#standing(), now());
  }

  #standing(): Standing {
    const { file, actions } = this.#options;
    const isManager = file.current?.manager ?? false;
    const identity = actions.identity();
    const certificate = identity && certificateOf(identity, this.#jitter);
    const told = this.#told;
    // Nothing has been told yet: it stays what it was.
    if (told === undefined) {
      return { isManager, wantsManager: isManager, isMember: isManager, certificate, authority: undefined };
    }
    const wantsManager = told.node?.spec?.role === NodeRole.MANAGER;
    const isMember = told.managers.some(({ nodeId }) => nodeId === file.current?.nodeId);
    return { isManager, wantsManager, isMember, certificate, authority: told.authority && authorityOf(told.authority) };
  }

  async #take({ step }: UpkeepStep): Promise<void> {
    const { actions, logger, now } = this.#options;
    if (step === 'trust') await actions.trust(this.#told?.authority?.rootCertificates ?? '');
    if (step === 'renew' && !(await this.#renew())) return;
    // The cluster has changed its mind, or the clocks differ by weeks: asking again at once would be no use.
    if (step === 'renew' && nextUpkeepStep(this.#standing(), now()).step === 'renew') {
      throw new GantryError('CONFLICT', 'the new certificate is not the one that this node needs');
    }
    if (step === 'start-manager') await actions.startManager();
    if (step === 'stop-manager') await actions.stopManager();
    logger.info({ step }, 'upkeep of this node');
  }

  /** False: another rotation began meanwhile, and what was asked for is of the one before. */
  async #renew(): Promise<boolean> {
    const asked = this.#rotation;
    await this.#options.actions.renew(() => this.#rotation === asked);
    return this.#rotation === asked;
  }

  get #rotation(): number {
    return this.#told?.authority?.rotationStartedAtMs ?? 0;
  }

  async #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#changed.signal]);
    try {
      await sleep(Math.min(Math.max(delayMs, 0), LONGEST_WAIT_MS), undefined, { signal: either });
    } catch (error) {
      if (!either.aborted) throw error;
    }
  }
}

function certificateOf(identity: NodeIdentity, jitter: number): Certificate {
  const { role } = ownPeer(identity);
  const [renewAtMs, lifeMs] = [renewalTimeMs(identity, jitter), certificateLifeMs(identity)];
  return { role, renewAtMs, lifeMs, ...tlsOf(identity) };
}

function authorityOf({ rootCertificates, issuer, certificateLifeMs: lifeMs }: AuthorityNotice): ToldAuthority {
  return { roots: certificatesIn(rootCertificates).map(rootDigest), issuer, lifeMs };
}
