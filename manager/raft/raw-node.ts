/**
 * The core as its driver uses it. The driver owes this order, for each Ready that it takes:
 *
 * 1. persist: snapshot, entries and hard state, in one transaction, on disk before it goes on when `mustSync`;
 * 2. send: the messages, which rely on what was persisted;
 * 3. apply: the snapshot, then the committed entries, to the state machine, with applyConfigChange for those that change
 *    the configuration;
 * 4. advance: after that the next Ready may be taken.
 *
 * A hard state without `mustSync` may be lost in a crash, but never while something that was persisted after it is kept: so
 * whatever is synced takes the latest hard state with it. Else a node could forget that a change of the configuration is
 * committed which it needs to know of before it campaigns.
 *
 * `step`, `tick` and `propose` may come at any time, also while a Ready is being persisted. For each `install-snapshot`
 * that it sends, the driver owes a `reportSnapshot`: until then nothing else is sent to that peer. With asyncStorageWrites
 * the contract is that of storage-writes.ts.
 */
import assert from 'node:assert/strict';
import type { RaftConfig } from './config.ts';
import { campaignNow } from './election.ts';
import { forgetLeader } from './follower.ts';
import { applyConfigChange } from './membership.ts';
import type { ConfigChange, Configuration, HardState, Message, PeerId, ProposalResult, SoftState } from './message.ts';
import { propose } from './proposal.ts';
import { Raft } from './raft.ts';
import { readIndex } from './read-index.ts';
import { type Ready, sameHardState, sameSoftState } from './ready.ts';
import { reportSnapshot, reportUnreachable } from './replication.ts';
import { type Status, statusOf } from './status.ts';
import { type StepResult, step } from './step.ts';
import { appendDone, applyDone, handleStorageDone, type StorageDone, type StorageWrite } from './storage-writes.ts';
import { tick } from './tick.ts';
import { transferLeadership } from './transfer.ts';

export type { RaftConfig } from './config.ts';
export type { Ready } from './ready.ts';

/** What follows for the core once the Ready taken last is done with. */
type Consequence = Message | StorageDone;

export class RawNode {
  readonly #raft: Raft;
  #lastSoftState: SoftState;
  #lastHardState: HardState;
  /** Of the Ready being worked on; undefined while there is none. */
  #consequences: readonly Consequence[] | undefined;

  /** Starts from what the storage has. Throws when config or storage make no sense. */
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

  /** The log's end, persisted or not. */
  get lastIndex(): number {
    return this.#raft.log.lastIndex();
  }

  status(): Status {
    return statusOf(this.#raft);
  }

  tick(): void {
    tick(this.#raft);
  }

  /** A message from a peer, or what is due after an asynchronous write. */
  step(message: Message | StorageDone): StepResult {
    if (message.type === 'storage-append-done' || message.type === 'storage-apply-done') {
      handleStorageDone(this.#raft, message);
      return 'stepped';
    }
    if (isResponse(message) && this.#raft.tracker.progressOf(message.from) === undefined) return 'unknown-peer';
    return step(this.#raft, message);
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
  applyConfigChange(change: ConfigChange): Configuration {
    return applyConfigChange(this.#raft, change);
  }

  /**
   * Asks from which index on a read sees everything acknowledged before now: Ready.readStates answers with the context,
   * which tells this read from all others. Nothing comes back when a leader isn't known or changes: ask again then.
   */
  readIndex(context: Uint8Array): void {
    readIndex(this.#raft, context);
  }

  /** Asks the leader to hand over; any node passes it on. Proposals are dropped until it is done or an election timeout has passed. */
  transferLeadership(to: PeerId): void {
    transferLeadership(this.#raft, to);
  }

  /** A follower that knows, from elsewhere, that its leader is gone: it may vote at once, without waiting for its lease to end. */
  forgetLeader(): void {
    forgetLeader(this.#raft);
  }

  /** Doesn't wait for the election timeout; but with reads by lease for the leader's lease, till when it does nothing. */
  campaign(): void {
    campaignNow(this.#raft);
  }

  /** For tests: how long this node waits for a leader before it campaigns, till it is drawn anew. */
  setElectionTimeout(ticks: number): void {
    this.#raft.electionTimeout = ticks;
  }

  /** The transport has lost what it was sending to the peer. */
  reportUnreachable(peer: PeerId): void {
    reportUnreachable(this.#raft, peer);
  }

  reportSnapshot(peer: PeerId, arrived: boolean): void {
    reportSnapshot(this.#raft, peer, arrived);
  }

  hasReady(): boolean {
    const { messages, messagesAfterAppend, log, readStates } = this.#raft;
    return (
      messages.length > 0 ||
      messagesAfterAppend.length > 0 ||
      log.hasEntriesToWrite ||
      log.snapshotToWrite !== undefined ||
      readStates.length > 0 ||
      log.hasNextCommitted(this.#appliesUnstable) ||
      !sameSoftState(this.softState, this.#lastSoftState) ||
      !sameHardState(this.#raft.hardState, this.#lastHardState)
    );
  }

  /** What is to be done now. One at a time, unless storage is written asynchronously. */
  ready(): Ready {
    assert(this.#consequences === undefined, 'the last Ready has not been advanced');
    const ready = this.#lookReady();
    this.#accept(ready);
    return ready;
  }

  /** The Ready taken last has been persisted, sent and applied. */
  advance(): void {
    assert(this.#consequences !== undefined, 'there is no Ready to advance');
    const consequences = this.#consequences;
    this.#consequences = undefined;
    for (const consequence of consequences) {
      if (consequence.type === 'storage-append-done' || consequence.type === 'storage-apply-done') {
        handleStorageDone(this.#raft, consequence);
      } else {
        step(this.#raft, consequence);
      }
    }
  }

  /** Whoever waits for the disk before it goes on may apply what isn't on this disk yet: it will be by then. */
  get #appliesUnstable(): boolean {
    return !this.#raft.config.asyncStorageWrites;
  }

  #lookReady(): Ready {
    const { softState } = this;
    const { hardState, log, messages, messagesAfterAppend, readStates, id } = this.#raft;
    const last = this.#lastHardState;
    const ready = {
      softState: sameSoftState(softState, this.#lastSoftState) ? undefined : softState,
      hardState: sameHardState(hardState, last) ? undefined : hardState,
      snapshot: log.snapshotToWrite,
      entries: log.entriesToWrite(),
      committedEntries: log.nextCommitted(this.#appliesUnstable),
      readStates,
      mustSync: log.hasEntriesToWrite || hardState.term !== last.term || hardState.vote !== last.vote,
    };
    if (!this.#appliesUnstable) return { ...ready, messages, writes: this.#writes(ready) };
    const others = messagesAfterAppend.filter(({ to }) => to !== id);
    return { ...ready, messages: [...messages, ...others], writes: [] };
  }

  #writes({ hardState, snapshot, entries, committedEntries }: Omit<Ready, 'messages' | 'writes'>): StorageWrite[] {
    const { messagesAfterAppend } = this.#raft;
    const writes: StorageWrite[] = [];
    const due = hardState !== undefined || snapshot !== undefined || entries.length > 0;
    if (due || messagesAfterAppend.length > 0) {
      const done = appendDone(this.#raft, snapshot);
      const responses = done === undefined ? messagesAfterAppend : [...messagesAfterAppend, done];
      writes.push({ type: 'storage-append', hardState, snapshot, entries, responses });
    }
    if (committedEntries.length > 0) {
      const responses = [applyDone(this.#raft, committedEntries)];
      writes.push({ type: 'storage-apply', entries: committedEntries, responses });
    }
    return writes;
  }

  #accept({ softState, hardState, snapshot, committedEntries }: Ready): void {
    const raft = this.#raft;
    this.#lastSoftState = softState ?? this.#lastSoftState;
    this.#lastHardState = hardState ?? this.#lastHardState;
    if (this.#appliesUnstable) {
      const toSelf = raft.messagesAfterAppend.filter(({ to }) => to === raft.id);
      const appended = appendDone(raft, snapshot);
      const consequences: Consequence[] = appended === undefined ? toSelf : [...toSelf, appended];
      if (committedEntries.length > 0) consequences.push(applyDone(raft, committedEntries));
      this.#consequences = consequences;
    }
    raft.log.handOut(committedEntries, this.#appliesUnstable);
    raft.messages = [];
    raft.messagesAfterAppend = [];
    raft.readStates = [];
    raft.roundIsOpen = false;
  }
}

function isResponse({ type }: Message): boolean {
  switch (type) {
    case 'append-accepted':
    case 'append-rejected':
    case 'vote-response':
    case 'pre-vote-response':
    case 'heartbeat-response':
    case 'read-index-response':
      return true;
    default:
      return false;
  }
}
