/**
 * The replicated log in an existing etcd cluster: etcd orders and keeps the entries, each manager reads and applies them.
 * What makes it safe is in etcd's transactions: see fence.ts and appender.ts. Nothing lasting is kept on this host.
 */
import type { IRequestOp } from 'etcd3';
import type { Logger } from 'pino';
import { GantryError, toGantryError } from '../../../proto/errors.ts';
import { entrySizeProblem } from '../entry-size.ts';
import { notLeader } from '../proposals.ts';
import type { Leadership, LogFigures, Member, Removal, ReplicatedLog, StateMachine } from '../replicated-log.ts';
import { type SnapshotLimits, SnapshotPolicy } from '../snapshot-policy.ts';
import { Applier } from './applier.ts';
import type { EtcdConnection } from './connection.ts';
import { Election } from './election.ts';
import { Fence } from './fence.ts';
import { Follower } from './follower.ts';
import type { Keys } from './keys.ts';
import { LeaderTerm } from './leader-term.ts';
import { LeaseKeeper } from './lease.ts';
import { LogEnd } from './log-end.ts';
import { membersOf, notMember, removalProblem, successor } from './membership.ts';
import { put, remove } from './operations.ts';
import { Snapshots } from './snapshots.ts';
import { Tail, type TailLimits } from './tail.ts';

export interface EtcdLogOptions {
  readonly connection: EtcdConnection;
  readonly keys: Keys;
  readonly nodeId: string;
  readonly stateMachine: StateMachine;
  readonly snapshotLimits: SnapshotLimits;
  readonly tailLimits: TailLimits;
  /** After a leader's death it takes this long until another leads. */
  readonly leaseSeconds: number;
  readonly monotonicMs: () => number;
  readonly logger: Logger;
  /** Called when everything is closed: lets go of the directory. */
  readonly release: () => void;
  /** Once, when the log can't go on: it is damaged, or the state machine has thrown. The process should end. */
  readonly onFailure: (error: GantryError) => void;
}

/** How long a read waits until entries are applied. */
const PATIENCE_MS = 10_000;

export class EtcdLog implements ReplicatedLog {
  readonly #options: EtcdLogOptions;
  readonly #lease: LeaseKeeper;
  readonly #election: Election;
  readonly #applier: Applier;
  readonly #policy: SnapshotPolicy;
  readonly #tail: Tail;
  readonly #snapshots: Snapshots;
  readonly #end: LogEnd;
  readonly #follower: Follower;
  readonly #listeners = new Set<(leadership: Leadership) => void>();
  readonly #over = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  /** While this manager leads and has applied all that leaders before it have written. */
  #term: LeaderTerm | undefined;
  /** Number of the term that has been won, and begins once all that is applied. */
  #beginning: number | undefined;
  #isHandingOver: boolean = false;
  #told: Leadership = { isLeader: false, leaderId: undefined, term: 0 };
  #ended: GantryError | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: EtcdLogOptions) {
    const { connection, keys, nodeId, stateMachine, leaseSeconds, monotonicMs, logger } = options;
    const { signal } = this.#over;
    const onFailure = (error: GantryError) => this.#fail(error);
    this.#options = options;
    this.#policy = new SnapshotPolicy(options.snapshotLimits, 0);
    this.#tail = new Tail(options.tailLimits);
    this.#snapshots = new Snapshots(connection, keys);
    this.#end = new LogEnd(connection, keys);
    this.#applier = new Applier({
      stateMachine,
      policy: this.#policy,
      tail: this.#tail,
      monotonicMs,
      onCheckpoint: (snapshot) => void this.#term?.keep(snapshot),
      onFailure,
    });
    const onLease = () => this.#election.consider();
    this.#lease = new LeaseKeeper({ connection, seconds: leaseSeconds, monotonicMs, logger, onChange: onLease });
    const onChange = () => this.#noteElection();
    this.#election = new Election({ connection, keys, id: nodeId, lease: this.#lease, signal, logger, onChange });
    this.#follower = new Follower({
      connection,
      keys,
      applier: this.#applier,
      snapshots: this.#snapshots,
      end: this.#end,
      logger,
      knownRevision: () => this.#election.view.revision,
      onCluster: (view) => this.#election.observe(view),
      onFailure,
    });
  }

  get appliedIndex(): number {
    return this.#applier.applied;
  }

  /** Resolves when the state machine has all that was acknowledged before the call. */
  async start(): Promise<void> {
    const { signal } = this.#over;
    const end = await this.#end.read();
    this.#running = Promise.all([this.#lease.run(signal), this.#follower.run(signal)]);
    await this.#applier.reached(end);
    await this.#election.until('the cluster is known', ({ revision }) => revision > 0);
    this.#election.stand();
  }

  propose(data: Uint8Array): Promise<number> {
    const term = entrySizeProblem(data) ?? this.#leading();
    if (term instanceof GantryError) return Promise.reject(term);
    return this.#isHandingOver ? Promise.reject(notLeader()) : term.propose(data);
  }

  async readBarrier(): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    const { problem } = this.#lease;
    if (problem !== undefined) throw problem;
    if (!this.#election.isMember) throw notMember(this.#options.nodeId, this.#options.connection.name);
    await this.#applier.reached(await this.#end.read(), PATIENCE_MS);
  }

  /** A term counts from the moment on at which everything that leaders before have written is applied. */
  leadership(): Leadership {
    if (this.#ended !== undefined) return { isLeader: false, leaderId: undefined, term: this.#told.term };
    const { view, term } = this.#election;
    const isLeader = term !== undefined && this.#term?.fence.term === term;
    // Whoever can't keep its lease knows nothing of the others either.
    const leaderId = this.#lease.id === undefined ? undefined : view.leader?.id;
    return { isLeader, leaderId, term: view.leader?.term ?? this.#told.term };
  }

  problem(): GantryError | undefined {
    return this.#lease.problem;
  }

  onLeadership(listener: (leadership: Leadership) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  members(): readonly Member[] {
    return membersOf(this.#election.view, this.#options.nodeId, this.#lease.id !== undefined);
  }

  /** What is committed is etcd's to know; here it is known once it is applied. */
  figures(): LogFigures {
    const { entries, bytes } = this.#policy;
    return { commitIndex: this.appliedIndex, entries, bytes, proposalsPending: this.#term?.pending };
  }

  async addMember(id: string, address: string): Promise<void> {
    await this.#changeMembers([put(this.#options.keys.member(id), address)]);
    await this.#election.until(`node ${id} is a member`, ({ members }) => members.get(id) === address);
  }

  async removeMember(id: string, { force }: Removal): Promise<void> {
    const { keys, nodeId } = this.#options;
    const problem = removalProblem(this.members(), id);
    if (problem !== undefined && !force) throw problem;
    const leader = id === nodeId ? [remove(keys.leader)] : [];
    await this.#changeMembers([remove(keys.member(id)), remove(keys.alive(id)), ...leader]);
    await this.#election.until(`node ${id} is no member`, ({ members }) => !members.has(id));
  }

  async transferLeadership(to?: string): Promise<void> {
    const term = this.#leading();
    if (term instanceof GantryError) throw term;
    const next = successor(this.members(), this.#options.nodeId, to);
    if (next === this.#options.nodeId) return;
    this.#isHandingOver = true;
    try {
      await term.idle();
      await this.#election.handOver(next);
    } finally {
      this.#isHandingOver = false;
    }
  }

  /** What is being written comes to its end, what still waits is rejected; then another may lead at once. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { connection } = this.#options;
    const closed = new GantryError('UNAVAILABLE', 'the replicated log is closed');
    await this.#term?.finish(closed);
    this.#finish(closed);
    await this.#election.end(closed);
    await this.#lease.revoke();
    connection.close();
    await this.#running;
    this.#options.release();
  }

  async #changeMembers(operations: IRequestOp[]): Promise<void> {
    const term = this.#leading();
    if (term instanceof GantryError) throw term;
    if ((await term.fence.write(operations)) !== undefined) return;
    this.#election.lose(term.fence.term);
    throw notLeader();
  }

  /** The term in which this manager leads, or why it doesn't. */
  #leading(): LeaderTerm | GantryError {
    if (this.#ended !== undefined) return this.#ended;
    return this.#term !== undefined && this.leadership().isLeader ? this.#term : this.#whyNotLeading();
  }

  #whyNotLeading(): GantryError {
    return this.#lease.problem ?? notLeader();
  }

  #noteElection(): void {
    const { term } = this.#election;
    if (this.#term !== undefined && this.#term.fence.term !== term) {
      this.#term.end(this.#whyNotLeading());
      this.#term = undefined;
    }
    if (term !== undefined && this.#term === undefined && this.#beginning !== term) void this.#begin(term);
    this.#tell();
  }

  async #begin(number: number): Promise<void> {
    const { connection, keys, logger } = this.#options;
    this.#beginning = number;
    try {
      // Whoever led before can't write any more: the end is final.
      const end = await this.#end.read();
      await this.#applier.reached(end);
      if (this.#election.term !== number || this.#ended !== undefined) return;
      this.#term = new LeaderTerm({
        connection,
        keys,
        fence: new Fence(connection, keys, number),
        end,
        applier: this.#applier,
        policy: this.#policy,
        tail: this.#tail,
        snapshots: this.#snapshots,
        logger,
        onFenced: () => this.#election.lose(number),
      });
      this.#tell();
    } catch (error) {
      const failure = toGantryError(error);
      if (failure.code === 'CORRUPT') return this.#fail(failure);
      logger.debug({ err: error }, 'a term could not begin');
      this.#election.lose(number);
    }
  }

  #tell(): void {
    const { isLeader, leaderId, term } = this.#told;
    const leadership = this.leadership();
    if (leadership.isLeader === isLeader && leadership.leaderId === leaderId && leadership.term === term) return;
    this.#told = leadership;
    this.#options.logger.info(leadership, 'leadership changed');
    for (const listener of [...this.#listeners]) listener(leadership);
  }

  #fail(cause: GantryError): void {
    if (this.#ended !== undefined) return;
    const error = new GantryError(cause.code, `the replicated log cannot go on: ${cause.message}`, {
      hint: cause.hint,
      cause,
    });
    this.#finish(error);
    this.#options.onFailure(error);
  }

  #finish(error: GantryError): void {
    this.#ended ??= error;
    this.#term?.end(error);
    this.#term = undefined;
    this.#applier.end(error);
    this.#over.abort();
    this.#tell();
  }
}
