/**
 * The core as its driver uses it. The driver owes this order, for each Ready that it takes:
 *
 * 1. persist: snapshot, entries and hard state, in one transaction, on disk before it goes on when `mustSync`;
 * 2. send: the messages, which rely on what was persisted;
 * 3. apply: the snapshot, then the committed entries, to the state machine;
 * 4. advance: after that the next Ready may be taken.
 *
 * `step`, `tick` and `propose` may come at any time, also while a Ready is being persisted. For each `install-snapshot`
 * that it sends, the driver owes a `reportSnapshot`: until then nothing else is sent to that peer.
 */
import assert from 'node:assert/strict';
import { startElection } from './election.ts';
import type {
  ConfigChange,
  Configuration,
  Entry,
  HardState,
  Message,
  PeerId,
  ProposalResult,
  ReadState,
  Snapshot,
  SoftState,
} from './message.ts';
import { Raft, type RaftConfig } from './raft.ts';
import { reportSnapshot, reportUnreachable } from './replication.ts';
import { type Status, statusOf } from './status.ts';
import { propose, step, tick } from './step.ts';

export interface Ready {
  /** Undefined when it hasn't changed; needs no persisting. */
  readonly softState: SoftState | undefined;
  readonly hardState: HardState | undefined;
  /** Replaces the whole log and the whole state. */
  readonly snapshot: Snapshot | undefined;
  /** To be persisted, over whatever the log has from the first one's index on. */
  readonly entries: readonly Entry[];
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  /** Reads asked for here that have become possible: each once the state machine has its index. */
  readonly readStates: readonly ReadState[];
  readonly mustSync: boolean;
}

/** Bounds the time that one Ready takes to apply. */
const MAX_COMMITTED_BYTES = 4 * 1024 * 1024;

export class RawNode {
  readonly #raft: Raft;
  #lastSoftState: SoftState;
  #lastHardState: HardState;
  /** The Ready being worked on, and this node's answers to itself that count once it is persisted. */
  #taken: { readonly ready: Ready; readonly toSelf: readonly Message[] } | undefined;

  constructor(config: RaftConfig) {
    this.#raft = new Raft(config);
    this.#lastSoftState = this.softState;
    this.#lastHardState = this.#raft.hardState;
  }

  get softState(): SoftState {
    return { leader: this.#raft.leader, role: this.#raft.role };
  }

  get hardState(): HardState {
    return this.#raft.hardState;
  }

  status(): Status {
    return statusOf(this.#raft);
  }

  /** The log's end, persisted or not. */
  get lastIndex(): number {
    return this.#raft.log.lastIndex();
  }

  tick(): void {
    tick(this.#raft);
  }

  /** A message from a peer. */
  step(message: Message): void {
    step(this.#raft, message);
  }

  /** All of them, one after the other, or none. */
  propose(data: readonly Uint8Array[]): ProposalResult {
    return propose(
      this.#raft,
      data.map((bytes) => ({ kind: 'normal', data: bytes })),
    );
  }

  /**
   * One change at a time: while another one is in the log and not applied, or when this one isn't possible now, an empty
   * entry is appended in its place. It takes effect when it is applied, see applyConfigChange.
   */
  proposeConfigChange(change: ConfigChange): ProposalResult {
    return propose(this.#raft, [{ kind: 'config-change', change }]);
  }

  /** The driver owes this for each config-change entry when it applies it. Returns who takes part from now on. */
  applyConfigChange(_change: ConfigChange): Configuration {
    assert.fail('changes of the configuration are yet to come');
  }

  /**
   * Asks from which index on a read sees everything acknowledged before now: Ready.readStates answers with the context,
   * which tells this read from all others. Nothing comes back when a leader isn't known or changes: ask again then.
   */
  readIndex(_context: Uint8Array): void {
    assert.fail('reads are yet to come');
  }

  /** Asks the leader to hand over; any node passes it on. Proposals are dropped until it is done or an election timeout has passed. */
  transferLeadership(_to: PeerId): void {
    assert.fail('transfer is yet to come');
  }

  /** A follower that knows, from elsewhere, that its leader is gone: it may vote at once, without waiting for its lease to end. */
  forgetLeader(): void {
    assert.fail('forgetting a leader is yet to come');
  }

  /** Doesn't wait for the election timeout. */
  campaign(): void {
    startElection(this.#raft);
  }

  reportUnreachable(peer: PeerId): void {
    reportUnreachable(this.#raft, peer);
  }

  reportSnapshot(peer: PeerId, arrived: boolean): void {
    reportSnapshot(this.#raft, peer, arrived);
  }

  hasReady(): boolean {
    const { messages, messagesAfterAppend, log } = this.#raft;
    return (
      messages.length > 0 ||
      messagesAfterAppend.length > 0 ||
      log.unstableEntries.length > 0 ||
      log.pendingSnapshot !== undefined ||
      this.#raft.readStates.length > 0 ||
      log.committed > log.applied ||
      !sameSoftState(this.softState, this.#lastSoftState) ||
      !sameHardState(this.#raft.hardState, this.#lastHardState)
    );
  }

  /** What is to be done now. Taken one at a time. */
  ready(): Ready {
    assert(this.#taken === undefined, 'the last Ready has not been advanced');
    const { softState } = this;
    const { hardState, log, messages, messagesAfterAppend } = this.#raft;
    const last = this.#lastHardState;
    const ready: Ready = {
      softState: sameSoftState(softState, this.#lastSoftState) ? undefined : softState,
      hardState: sameHardState(hardState, last) ? undefined : hardState,
      snapshot: log.pendingSnapshot,
      entries: log.unstableEntries,
      committedEntries: log.nextCommitted(MAX_COMMITTED_BYTES),
      messages: [...messages, ...messagesAfterAppend.filter(({ to }) => to !== this.#raft.id)],
      readStates: this.#raft.readStates,
      mustSync: log.unstableEntries.length > 0 || hardState.term !== last.term || hardState.vote !== last.vote,
    };
    this.#taken = { ready, toSelf: messagesAfterAppend.filter(({ to }) => to === this.#raft.id) };
    this.#raft.messages = [];
    this.#raft.messagesAfterAppend = [];
    this.#raft.readStates = [];
    this.#lastSoftState = softState;
    this.#lastHardState = hardState;
    return ready;
  }

  /** The Ready taken last has been persisted, sent and applied. */
  advance(): void {
    assert(this.#taken !== undefined, 'there is no Ready to advance');
    const { ready, toSelf } = this.#taken;
    const { log } = this.#raft;
    this.#taken = undefined;
    for (const message of toSelf) step(this.#raft, message);
    const lastEntry = ready.entries.at(-1);
    if (lastEntry !== undefined) log.stableTo(lastEntry.index, lastEntry.term);
    if (ready.snapshot !== undefined) {
      log.snapshotStable(ready.snapshot.index);
      log.appliedTo(ready.snapshot.index);
    }
    const lastCommitted = ready.committedEntries.at(-1);
    if (lastCommitted !== undefined) log.appliedTo(lastCommitted.index);
  }
}

function sameSoftState(one: SoftState, other: SoftState): boolean {
  return one.leader === other.leader && one.role === other.role;
}

function sameHardState(one: HardState, other: HardState): boolean {
  return one.term === other.term && one.vote === other.vote && one.commit === other.commit;
}
