/**
 * Makes the core real on one node: takes its Ready, and persists, sends, applies, advances, in this order, see
 * raft/raw-node.ts. Whatever is proposed while one Ready is written to disk goes into the next: one fsync for all.
 */
import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { Clock } from '../clock.ts';
import type { MemoryStorage } from '../raft/log/memory-storage.ts';
import type { ConfigChange, Entry, Message, PeerId } from '../raft/message.ts';
import { RawNode, type Ready } from '../raft/raw-node.ts';
import { Applier } from './applier.ts';
import type { DurableLog } from './durable-log.ts';
import { entrySizeProblem } from './entry-size.ts';
import { LeadershipTracker } from './leadership-tracker.ts';
import { encodeLogEntry } from './log-entry.ts';
import { addMember, type MemberLog, removeMember } from './member-changes.ts';
import { isMember, isVoter, learnerToPromote, promotionOf, removalProblem } from './membership.ts';
import { Peers } from './peers/peers.ts';
import type { PeerAddress, SnapshotTransfer, Transport } from './peers/transport.ts';
import { entryBytes } from './peers/wire.ts';
import { notLeader, Proposals } from './proposals.ts';
import { lostQuorum, noLeader } from './quorum-loss.ts';
import { ReadBarriers } from './read-barriers.ts';
import type { Leadership, LogFigures, Member, Removal, ReplicatedLog, StateMachine } from './replicated-log.ts';
import type { SnapshotPolicy } from './snapshot-policy.ts';

export interface DriverOptions {
  readonly nodeId: PeerId;
  readonly stateMachine: StateMachine;
  readonly storage: MemoryStorage;
  readonly durable: DurableLog;
  /** Known from the disk, or from the manager that took this one in. */
  readonly peers: readonly PeerAddress[];
  readonly transport: Transport;
  readonly policy: SnapshotPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called when everything is closed: lets go of the directory. */
  readonly release: () => void;
  /** Once, when the log can't go on: its disk fails, or the state machine has thrown. The process should end. */
  readonly onFailure: (error: GantryError) => void;
}

/** Of entries that are applied at once: takes some milliseconds. */
const SLICE_BYTES = 128 * 1024;
const TICK_MS = 100;
/** A leader that says nothing for so long is followed by another: once to twice this. */
const ELECTION_TICKS = 10;
/** When the leader's process has ended, nobody needs to wait for that: only for chance to choose who tries first. */
const GONE_CAMPAIGN_MS = 150;

/** What a leader may send before its own disk has the entries: followers' disks count as much as its own. */
const EARLY: ReadonlySet<Message['type']> = new Set(['append', 'heartbeat']);

export class RaftDriver implements ReplicatedLog {
  readonly #options: DriverOptions;
  readonly #raw: RawNode;
  readonly #applier: Applier;
  readonly #peers: Peers;
  readonly #proposals = new Proposals();
  readonly #reads: ReadBarriers;
  readonly #leadership: LeadershipTracker;
  readonly #over = new AbortController();
  /** Set once: no more proposals. */
  #ended: GantryError | undefined;
  #running: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #ticking: Promise<void> = Promise.resolve();
  /** Called when the Ready that is taken next has been dealt with. */
  readonly #afterNext: (() => void)[] = [];
  /** Of the last Ready's messages: what came with a snapshot beside it. */
  #incoming: SnapshotTransfer | undefined;

  /** Has no effects: `start` begins. */
  constructor(options: DriverOptions) {
    const { nodeId, storage, random, transport, peers } = options;
    this.#options = options;
    this.#applier = new Applier({ ...options, proposals: this.#proposals, onFailure: (error) => this.#fail(error) });
    this.#peers = new Peers(nodeId, transport, peers);
    this.#raw = new RawNode({
      id: nodeId,
      storage,
      applied: storage.snapshot()?.index ?? 0,
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: 1,
      preVote: true,
      checkQuorum: true,
      maxBytesPerMessage: 1024 * 1024,
      maxInflightMessages: 256,
      random,
    });
    this.#reads = new ReadBarriers({
      prefix: `${nodeId}-${Math.floor(random() * 2 ** 48).toString(36)}`,
      ask: (context) => this.#do(() => this.#raw.readIndex(Buffer.from(context))),
      explain: () => lostQuorum(this.members()) ?? noLeader(),
    });
    const appliedIndex = () => this.#applier.applied;
    this.#leadership = new LeadershipTracker({ ...options, raw: this.#raw, appliedIndex });
  }

  get appliedIndex(): number {
    return this.#applier.applied;
  }

  /** Resolves when the state machine has what the snapshot had, and the only voter, if this is it, leads. */
  async start(): Promise<void> {
    await this.#applier.restore();
    this.#options.transport.start({
      onUnreachable: (id) => this.#do(() => this.#raw.reportUnreachable(id)),
      onGone: (id) => this.#leaderGone(id),
    });
    this.#peers.connect();
    this.#ticking = this.#tick();
    // Who votes is known once what is committed is applied.
    await this.#atRest();
    if (!this.#isOnlyVoter()) return;
    this.#raw.campaign();
    await this.#atRest();
    assert(this.#leads, 'the only voter has not become the leader');
  }

  propose(data: Uint8Array): Promise<number> {
    const problem = entrySizeProblem(data);
    if (problem !== undefined) return Promise.reject(problem);
    return this.#proposeEntry(encodeLogEntry({ kind: 'change', data }));
  }

  readBarrier(): Promise<void> {
    return this.#ended === undefined ? this.#reads.add() : Promise.reject(this.#ended);
  }

  leadership(): Leadership {
    return this.#leadership.current;
  }

  problem(): GantryError | undefined {
    // While there is a leader, this one need not reach the others.
    return this.leadership().leaderId === undefined ? lostQuorum(this.members()) : undefined;
  }

  onLeadership(listener: (leadership: Leadership) => void): () => void {
    return this.#leadership.listen(listener);
  }

  members(): readonly Member[] {
    const { configuration, peers } = this.#applier;
    const { leaderId, isLeader } = this.leadership();
    return peers.map(({ id, address }) => ({
      id,
      address,
      voter: isVoter(configuration, id),
      reachable: this.#peers.isReachable(id, isLeader),
      leader: id === leaderId,
    }));
  }

  figures(): LogFigures {
    const { entries, bytes } = this.#options.policy;
    const proposalsPending = this.#proposals.pending;
    return { commitIndex: this.#raw.status().commit, entries, bytes, proposalsPending };
  }

  async addMember(id: string, address: string): Promise<void> {
    this.#assertLeads();
    await addMember(this.#memberLog(), id, address);
  }

  async removeMember(id: string, { force }: Removal): Promise<void> {
    if (!isMember(this.#applier.configuration, id)) return;
    const problem = force ? undefined : removalProblem(this.members(), id);
    if (problem !== undefined) throw problem;
    // The next leader removes it: so there is one at once.
    if (id === this.#options.nodeId && !this.#isOnlyVoter()) {
      await this.transferLeadership();
      throw notLeader();
    }
    await removeMember(this.#memberLog(), id);
  }

  async transferLeadership(to?: string): Promise<void> {
    this.#assertLeads();
    const target = to ?? this.#furthestVoter();
    if (target === this.#options.nodeId) return;
    if (target === undefined || !isVoter(this.#applier.configuration, target)) {
      throw new GantryError(
        'WRONG_STATE',
        `leadership cannot go to ${target ?? 'another manager'}: it has no vote, or can't be reached`,
      );
    }
    this.#do(() => this.#raw.transferLeadership(target));
    await this.#leadership.whenLeads(target, this.#over.signal);
  }

  /** A message of a peer. */
  receive(message: Message): void {
    this.#peers.heard(message.from);
    this.#do(() => this.#raw.step(message));
  }

  /** Resolves when the snapshot is here for good, or not wanted. */
  async receiveSnapshot(transfer: SnapshotTransfer): Promise<void> {
    const { from, to, term, snapshot } = transfer;
    this.#incoming = transfer;
    this.receive({ type: 'install-snapshot', from, to, term, snapshot });
    await new Promise<void>((resolve) => this.#afterNext.push(resolve));
    if (this.#ended !== undefined) throw this.#ended;
  }

  /** A leader hands over; what is being written comes to its end; what still waits is rejected. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // Whoever doesn't take over in time finds out by itself.
    if (this.#leads && !this.#isOnlyVoter()) await this.transferLeadership().catch(() => undefined);
    this.#end(new GantryError('UNAVAILABLE', 'the replicated log is closed'));
    await this.#running;
    await this.#ticking;
    await this.#applier.snapshotTaken();
    await this.#options.transport.close();
    await this.#options.durable.close();
    this.#options.release();
  }

  /** Resolves when there is nothing to do. */
  async #atRest(): Promise<void> {
    this.#wake();
    while (this.#running !== undefined) await this.#running;
    if (this.#ended !== undefined) throw this.#ended;
  }

  // ---- the loop ----

  /** Something for the core, and then whatever follows from it. */
  #do(action: () => void): void {
    if (this.#ended !== undefined) return;
    try {
      action();
    } catch (error) {
      this.#fail(error);
    }
    this.#wake();
  }

  #wake(): void {
    if (this.#ended !== undefined) return;
    this.#running ??= this.#run()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#running = undefined;
        // Came after the last look.
        if (this.#raw.hasReady() || this.#proposals.waiting) this.#wake();
      });
  }

  async #run(): Promise<void> {
    // Not at once: what comes in the same turn goes into the same batch.
    await undefined;
    while (this.#ended === undefined) {
      this.#proposals.submit(
        (data) => this.#raw.propose(data) === 'accepted',
        this.#raw.lastIndex,
        this.#raw.hardState.term,
      );
      const waiting = this.#afterNext.splice(0);
      const hasReady = this.#raw.hasReady();
      if (hasReady) await this.#process(this.#raw.ready());
      for (const resolve of waiting) resolve();
      if (!hasReady) return;
    }
  }

  /** The order is the core's contract. Crash points: before the commit, nothing of the Ready has happened; after it, all that counts is on disk. */
  async #process(ready: Ready): Promise<void> {
    this.#send(ready.messages.filter(({ type }) => EARLY.has(type)));
    await this.#persist(ready);
    this.#send(ready.messages.filter(({ type }) => !EARLY.has(type)));
    if (ready.snapshot !== undefined) await this.#applier.restore();
    await this.#apply(ready.committedEntries);
    this.#peers.set(this.#applier.peers);
    for (const { context, index } of ready.readStates) this.#reads.answered(Buffer.from(context).toString(), index);
    this.#raw.advance();
    this.#reads.applied(this.appliedIndex);
    this.#leadership.update(() => this.#proposals.rejectAll(notLeader()));
    this.#checkpointWhenDue();
  }

  /** In slices: after a restart there may be as much to apply as a snapshot has. */
  async #apply(entries: readonly Entry[]): Promise<void> {
    let bytes = 0;
    for (const entry of entries) {
      this.#applier.apply(entry, (change) => this.#raw.applyConfigChange(change));
      bytes += entryBytes(entry);
      if (bytes < SLICE_BYTES) continue;
      bytes = 0;
      await nextTurn();
    }
  }

  /**
   * A commit index that changes alone isn't worth an fsync: it follows from the entries, which are on disk. Unless it
   * commits a change of membership: a member that has forgotten that could elect itself with those of before.
   */
  async #persist({ entries, hardState, snapshot, mustSync, committedEntries }: Ready): Promise<void> {
    const { durable, storage } = this.#options;
    const state = hardState ?? this.#raw.hardState;
    if (snapshot !== undefined) {
      const members = this.#incoming?.members ?? [];
      this.#incoming = undefined;
      await durable.reset({ hardState: state, snapshot: { ...snapshot, members }, entries: [] });
      storage.applySnapshot(snapshot);
      this.#applier.installed(members);
    }
    const sync = mustSync || committedEntries.some(({ kind }) => kind === 'config-change');
    if (sync) await durable.append({ entries, hardState: state }, storage.lastIndex());
    storage.append(entries);
    if (hardState !== undefined) storage.setHardState(hardState);
  }

  #send(messages: readonly Message[]): void {
    const { transport } = this.#options;
    if (messages.length === 0) return;
    transport.send(messages.filter(({ type }) => type !== 'install-snapshot'));
    for (const message of messages) if (message.type === 'install-snapshot') void this.#sendSnapshot(message);
  }

  /** Nobody takes a snapshot that doesn't name him: there has to be a newer one, which the core then sends. */
  async #tooOldFor(id: PeerId): Promise<GantryError> {
    await this.#proposeEntry(this.#applier.checkpoint());
    await this.#applier.snapshotTaken();
    return new GantryError('UNAVAILABLE', `the snapshot that there was is older than the membership of ${id}`);
  }

  /** Whoever leads when the proposal is lost makes the next one. */
  #checkpointWhenDue(): void {
    if (!this.#leads || !this.#applier.checkpointDue) return;
    this.#proposeEntry(this.#applier.checkpoint()).catch(() => this.#applier.checkpointLost());
  }

  async #sendSnapshot({ from, to, term, snapshot }: Extract<Message, { type: 'install-snapshot' }>): Promise<void> {
    const { transport, logger } = this.#options;
    const about = { peer: to, index: snapshot.index, bytes: snapshot.data.byteLength };
    try {
      if (!isMember(snapshot.configuration, to)) throw await this.#tooOldFor(to);
      await transport.sendSnapshot({ from, to, term, snapshot, members: this.#applier.snapshotPeers });
      logger.info(about, 'snapshot sent');
      this.#do(() => this.#raw.reportSnapshot(to, true));
    } catch (error) {
      logger.info({ ...about, err: error }, 'snapshot not sent');
      this.#do(() => this.#raw.reportSnapshot(to, false));
    }
  }

  async #tick(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#over.signal.aborted) {
      await clock.sleep(TICK_MS, this.#over.signal);
      this.#peers.tick();
      this.#reads.tick();
      this.#do(() => this.#raw.tick());
      if (this.#leads) this.#promoteWhoHasCaughtUp();
    }
  }

  #promoteWhoHasCaughtUp(): void {
    const id = learnerToPromote(this.#learners(), this.#raw.lastIndex);
    if (id !== undefined) this.#do(() => this.#raw.proposeConfigChange(promotionOf(id)));
  }

  // ---- leadership ----

  #leaderGone(id: PeerId): void {
    if (id !== this.#raw.softState.leader) return;
    const { clock, random, logger } = this.#options;
    logger.info({ leader: id }, "the leader's process has ended");
    this.#do(() => this.#raw.forgetLeader());
    void clock.sleep(random() * GONE_CAMPAIGN_MS, this.#over.signal).then(() => {
      if (this.#raw.softState.leader === '') this.#do(() => this.#raw.campaign());
    });
  }

  get #leads(): boolean {
    return this.#leadership.current.isLeader;
  }

  #furthestVoter(): PeerId | undefined {
    const others = this.#raw.status().progress.filter(({ id, learner }) => !learner && id !== this.#options.nodeId);
    const active = others.filter(({ id }) => this.#peers.isReachable(id, true));
    return active.sort((one, other) => other.match - one.match).at(0)?.id;
  }

  #isOnlyVoter(): boolean {
    const { voters, votersOutgoing } = this.#applier.configuration;
    return voters.length === 1 && voters[0] === this.#options.nodeId && votersOutgoing.length === 0;
  }

  // ---- proposals ----

  async #proposeEntry(data: Uint8Array): Promise<number> {
    this.#assertLeads();
    const proposed = this.#proposals.add(data);
    this.#wake();
    return proposed;
  }

  #assertLeads(): void {
    if (this.#ended !== undefined) throw this.#ended;
    if (!this.#leads) throw notLeader();
  }

  async #change(change: ConfigChange): Promise<void> {
    this.#assertLeads();
    let applied: Promise<number> | undefined;
    this.#do(() => {
      if (this.#raw.proposeConfigChange(change) !== 'accepted') return;
      applied = this.#proposals.track(this.#raw.lastIndex, this.#raw.hardState.term);
    });
    if (applied === undefined) throw notLeader();
    await applied;
  }

  #memberLog(): MemberLog {
    const applier = this.#applier;
    return {
      get configuration() {
        return applier.configuration;
      },
      get peers() {
        return applier.peers;
      },
      snapshot: () => this.#options.storage.snapshot(),
      checkpoint: () => this.#proposeEntry(applier.checkpoint()),
      change: (change) => this.#change(change),
    };
  }

  #learners() {
    return this.#raw.status().progress.filter(({ learner }) => learner);
  }

  // ---- the end ----

  #fail(thrown: unknown): void {
    const cause = toGantryError(thrown);
    const error = new GantryError(cause.code, `the replicated log cannot go on: ${cause.message}`, {
      hint: cause.hint,
      cause: thrown,
    });
    if (this.#ended !== undefined) return;
    this.#end(error);
    this.#options.onFailure(error);
  }

  #end(error: GantryError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#over.abort();
    this.#leadership.end();
    this.#proposals.rejectAll(error);
    this.#reads.rejectAll(error);
    for (const resolve of this.#afterNext.splice(0)) resolve();
  }
}
