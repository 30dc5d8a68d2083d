/**
 * Makes the core real on one node: takes its Ready, and persists, sends, applies, advances, in this order, see
 * raft/raw-node.ts. Whatever is proposed while one Ready is written to disk goes into the next: one fsync for all.
 */
import assert from 'node:assert/strict';
import type { Logger } from 'pino';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { MemoryStorage } from '../raft/log/memory-storage.ts';
import type { PeerId } from '../raft/message.ts';
import { RawNode, type Ready } from '../raft/raw-node.ts';
import type { DurableLog } from './durable-log.ts';
import type { Leadership, Member, ReplicatedLog, StateMachine } from './replicated-log.ts';
import type { SnapshotPolicy } from './snapshot-policy.ts';

export interface DriverOptions {
  readonly nodeId: PeerId;
  readonly address: string;
  readonly stateMachine: StateMachine;
  readonly storage: MemoryStorage;
  readonly durable: DurableLog;
  readonly policy: SnapshotPolicy;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Once, when the log can't go on: its disk fails, or the state machine has thrown. The process should end. */
  readonly onFailure: (error: GantryError) => void;
}

interface Waiter {
  readonly resolve: (index: number) => void;
  readonly reject: (error: GantryError) => void;
}

interface Proposal extends Waiter {
  readonly data: Uint8Array;
}

export class RaftDriver implements ReplicatedLog {
  readonly #options: DriverOptions;
  readonly #raw: RawNode;
  readonly #listeners = new Set<(leadership: Leadership) => void>();
  #queue: Proposal[] = [];
  /** By the index that their entry has. */
  readonly #proposed = new Map<number, Waiter>();
  readonly #barriers: (Waiter & { readonly index: number })[] = [];
  #applied: number;
  /** Index of the entry with which this node's leadership begins; undefined while it doesn't lead. */
  #leadsFrom: number | undefined;
  #leadership: Leadership;
  /** Set once: no more proposals. */
  #ended: GantryError | undefined;
  #running: Promise<void> | undefined;

  constructor(options: DriverOptions) {
    const { nodeId, storage, stateMachine, random } = options;
    this.#options = options;
    this.#applied = restoreSnapshot(storage, stateMachine);
    this.#raw = new RawNode({
      id: nodeId,
      storage,
      applied: this.#applied,
      electionTicks: 10,
      heartbeatTicks: 1,
      preVote: true,
      checkQuorum: true,
      maxBytesPerMessage: 1024 * 1024,
      maxInflightMessages: 256,
      random,
    });
    this.#leadership = this.#currentLeadership();
  }

  get appliedIndex(): number {
    return this.#applied;
  }

  /** Resolves when this node, which is the only voter, leads and has applied all there was. */
  async start(): Promise<void> {
    this.#raw.campaign();
    this.#wake();
    await this.#running;
    if (this.#ended !== undefined) throw this.#ended;
    assert(this.#leadership.isLeader, 'the only voter has not become the leader');
  }

  propose(data: Uint8Array): Promise<number> {
    assert(data.byteLength > 0, 'an empty entry is the core’s own');
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      if (!this.#leadership.isLeader) return reject(notLeader());
      this.#queue.push({ data, resolve, reject });
      this.#wake();
    });
  }

  /** The only voter is always the leader: what it has committed is all there is. */
  readBarrier(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      if (!this.#leadership.isLeader) return reject(notLeader());
      this.#barriers.push({ index: this.#raw.hardState.commit, resolve: () => resolve(), reject });
      this.#settleBarriers();
    });
  }

  leadership(): Leadership {
    return this.#leadership;
  }

  onLeadership(listener: (leadership: Leadership) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  members(): readonly Member[] {
    const { nodeId, address } = this.#options;
    return [{ id: nodeId, address, voter: true, reachable: true, leader: this.#leadership.isLeader }];
  }

  addMember(): Promise<void> {
    return Promise.reject(new GantryError('UNSUPPORTED', 'the log has one member'));
  }

  removeMember(): Promise<void> {
    return Promise.reject(new GantryError('UNSUPPORTED', 'the log has one member'));
  }

  transferLeadership(): Promise<void> {
    return Promise.reject(new GantryError('UNSUPPORTED', 'the log has one member'));
  }

  /** Lets what is being written come to its end; what is still waiting is rejected. */
  async close(): Promise<void> {
    this.#end(new GantryError('UNAVAILABLE', 'the replicated log is closed'));
    await this.#running;
    this.#settleRejected();
    await this.#options.durable.close();
  }

  #wake(): void {
    this.#running ??= this.#run()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#running = undefined;
        // Proposed after the last look at the queue.
        if (this.#queue.length > 0 && this.#ended === undefined) this.#wake();
      });
  }

  async #run(): Promise<void> {
    // Not at once: what the caller proposes in the same turn goes into the same batch.
    await undefined;
    while (this.#ended === undefined) {
      this.#takeQueue();
      if (!this.#raw.hasReady()) return;
      await this.#process(this.#raw.ready());
    }
  }

  #takeQueue(): void {
    const batch = this.#queue;
    if (batch.length === 0) return;
    this.#queue = [];
    const first = this.#raw.lastIndex + 1;
    if (!this.#raw.propose(batch.map(({ data }) => data))) {
      for (const { reject } of batch) reject(notLeader());
      return;
    }
    for (const [position, proposal] of batch.entries()) this.#proposed.set(first + position, proposal);
  }

  /** The order is the core's contract. Crash points: before the commit, nothing of the Ready has happened; after it, all that counts is on disk. */
  async #process(ready: Ready): Promise<void> {
    await this.#persist(ready);
    // To the only voter's peers, of which there are none: the transport comes with the second voter.
    assert(ready.messages.length === 0 && ready.snapshot === undefined, 'a cluster of one has nobody to talk to');
    this.#apply(ready);
    this.#raw.advance();
    this.#noteLeadership();
    await this.#compactWhenDue();
  }

  /** A commit index that changes alone isn't worth an fsync: it follows from the entries, which are on disk. */
  async #persist({ entries, hardState, mustSync }: Ready): Promise<void> {
    const { durable, storage } = this.#options;
    if (mustSync) await durable.append({ entries, hardState: hardState ?? this.#raw.hardState }, storage.lastIndex());
    storage.append(entries);
    if (hardState !== undefined) storage.setHardState(hardState);
  }

  #apply({ committedEntries }: Ready): void {
    const { stateMachine, policy } = this.#options;
    for (const { index, data } of committedEntries) {
      // The entry with which a leader begins its term says nothing to the state machine.
      if (data.byteLength > 0) stateMachine.apply(index, data);
      this.#applied = index;
      policy.applied(data.byteLength);
      this.#proposed.get(index)?.resolve(index);
      this.#proposed.delete(index);
    }
    this.#settleBarriers();
  }

  async #compactWhenDue(): Promise<void> {
    const { policy, storage, durable, stateMachine, logger } = this.#options;
    if (!policy.due) return;
    const { voters } = storage.initialState();
    const term = storage.term(this.#applied);
    assert(term !== undefined, 'the last applied entry has been compacted');
    const snapshot = { index: this.#applied, term, voters, data: stateMachine.snapshot() };
    await durable.compact(snapshot, storage.firstIndex());
    storage.setSnapshot(snapshot);
    storage.compact(snapshot.index);
    policy.taken(snapshot.data.byteLength);
    logger.info({ index: snapshot.index, bytes: snapshot.data.byteLength }, 'snapshot taken and log compacted');
  }

  #noteLeadership(): void {
    const { role } = this.#raw.softState;
    if (role !== 'leader') this.#leadsFrom = undefined;
    else this.#leadsFrom ??= this.#raw.lastIndex;
    const leadership = this.#currentLeadership();
    const { isLeader, leaderId, term } = this.#leadership;
    if (leadership.isLeader === isLeader && leadership.leaderId === leaderId && leadership.term === term) return;
    this.#leadership = leadership;
    this.#options.logger.info(leadership, 'leadership changed');
    for (const listener of [...this.#listeners]) listener(leadership);
  }

  /** Leading counts from the moment on at which everything that earlier leaders committed is applied. */
  #currentLeadership(): Leadership {
    const { leader } = this.#raw.softState;
    const isLeader = this.#leadsFrom !== undefined && this.#applied >= this.#leadsFrom;
    return { isLeader, leaderId: leader === '' ? undefined : leader, term: this.#raw.hardState.term };
  }

  #settleBarriers(): void {
    for (const barrier of this.#barriers.splice(0)) {
      if (barrier.index <= this.#applied) barrier.resolve(barrier.index);
      else this.#barriers.push(barrier);
    }
  }

  #fail(thrown: unknown): void {
    const cause = toGantryError(thrown);
    const error = new GantryError(cause.code, `the replicated log cannot go on: ${cause.message}`, {
      hint: cause.hint,
      cause: thrown,
    });
    if (this.#ended !== undefined) return;
    this.#end(error);
    this.#settleRejected();
    this.#options.onFailure(error);
  }

  #end(error: GantryError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#leadership = { isLeader: false, leaderId: undefined, term: this.#leadership.term };
    for (const listener of [...this.#listeners]) listener(this.#leadership);
  }

  #settleRejected(): void {
    const error = this.#ended ?? notLeader();
    for (const { reject } of [...this.#queue.splice(0), ...this.#proposed.values(), ...this.#barriers.splice(0)]) {
      reject(error);
    }
    this.#proposed.clear();
  }
}

/** Index that the state machine is at. */
function restoreSnapshot(storage: MemoryStorage, stateMachine: StateMachine): number {
  const snapshot = storage.snapshot();
  if (snapshot === undefined || snapshot.index === 0) return 0;
  stateMachine.restore(snapshot.index, snapshot.data);
  return snapshot.index;
}

function notLeader(): GantryError {
  return new GantryError('UNAVAILABLE', 'this manager does not lead the cluster', {
    hint: 'try again in a few seconds',
  });
}
