/**
 * The state of one node and the changes between its roles. What makes it change is in step.ts and the files it calls;
 * nothing here or there does I/O, keeps time, or draws a number of its own.
 */
import { type RaftConfig, type Settings, settingsOf } from './config.ts';
import { totalPayloadBytes } from './log/entry-size.ts';
import { RaftLog } from './log/raft-log.ts';
import {
  type Body,
  type Configuration,
  type Entry,
  type HardState,
  type Message,
  NO_PEER,
  type PeerId,
  type Proposal,
  type ReadState,
  type Role,
} from './message.ts';
import { ReadQueue } from './read-queue.ts';
import { Tracker } from './tracker/tracker.ts';

export class Raft {
  readonly config: Settings;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  /** Of the state machine; the tracker's is later while a snapshot is being installed. */
  appliedConfiguration: Configuration;
  term: number;
  vote: PeerId;
  leader: PeerId = NO_PEER;
  role: Role = 'follower';
  /** Since this node started. */
  ticks = 0;
  /** Ticks since the last election began or its leader was last heard; while leading, since the quorum was last checked. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  electionTimeout = 0;
  /** Whom a leader is handing over to. */
  transferee: PeerId = NO_PEER;
  /** Of a leader: no other change of the configuration is proposed before this index is applied. */
  pendingConfigIndex = 0;
  /** Payload of a leader's entries that may not be committed; at most what it is, never more. */
  uncommittedBytes = 0;
  /** Reads that wait for a majority to confirm that this node leads. */
  reads: ReadQueue = new ReadQueue();
  /** The last round of heartbeats hasn't been taken to be sent yet. */
  roundIsOpen: boolean = false;
  /** To be sent as they are. */
  messages: Message[] = [];
  /** To be sent only once everything before them is on disk; also this node's answers to itself. */
  messagesAfterAppend: Message[] = [];
  /** Reads that may be answered once the state machine has what they name. */
  readStates: ReadState[] = [];
  /** Whether it may have promised a leader not to vote for others before it was started anew. */
  readonly #mayHaveLease: boolean;

  constructor(config: RaftConfig) {
    const { hardState, configuration } = config.storage.initialState();
    this.config = settingsOf(config);
    this.log = new RaftLog(config.storage, hardState.commit, config.applied, this.config.maxBytesApplying);
    const { maxInflightMessages: maxMessages, maxInflightBytes: maxBytes } = this.config;
    this.tracker = new Tracker(config.id, { maxMessages, maxBytes });
    this.tracker.configure(configuration, this.log.lastIndex());
    this.appliedConfiguration = configuration;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.#mayHaveLease = this.config.readOnly === 'lease' && hardState.term > 0;
    this.becomeFollower(this.term, NO_PEER);
  }

  get id(): PeerId {
    return this.config.id;
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  /** Whether this node may campaign: not before it has the log that says that it votes. */
  get promotable(): boolean {
    const { own } = this.tracker;
    return own !== undefined && !own.learner && this.log.pendingSnapshot === undefined;
  }

  /** Whether this node hears from a leader and so lets nobody disturb it: section 6.2 of the thesis. */
  get inLease(): boolean {
    const { checkQuorum, electionTicks } = this.config;
    if (!checkQuorum) return false;
    if (this.#mayHaveLease && this.ticks < electionTicks) return true;
    return this.leader !== NO_PEER && this.electionElapsed < electionTicks;
  }

  becomeFollower(term: number, leader: PeerId): void {
    this.#reset(term);
    this.role = 'follower';
    this.leader = leader;
  }

  /** Neither term nor vote change: a pre-vote binds nobody. */
  becomePreCandidate(): void {
    this.tracker.resetVotes();
    this.role = 'pre-candidate';
    this.leader = NO_PEER;
  }

  becomeCandidate(): void {
    this.#reset(this.term + 1);
    this.role = 'candidate';
    this.vote = this.id;
  }

  /** A leader commits entries of earlier terms only together with one of its own (section 5.4.2): so it makes one at once. */
  becomeLeader(): void {
    this.#reset(this.term);
    this.role = 'leader';
    this.leader = this.id;
    const { own } = this.tracker;
    if (own !== undefined) {
      own.becomeReplicate();
      own.recentlyActive = true;
    }
    // There may be a change among what isn't applied; to look for it could take long, to wait costs little.
    this.pendingConfigIndex = this.log.lastIndex();
    this.appendOwn([{ kind: 'normal', data: new Uint8Array() }]);
  }

  /**
   * Entries of this node's own term; counts itself only once they are on disk. False when too much is uncommitted: then
   * nothing happens. What has no payload is never refused, nor is anything where nothing is uncommitted.
   */
  appendOwn(proposals: readonly Proposal[]): boolean {
    const bytes = totalPayloadBytes(proposals);
    const { uncommittedBytes, config } = this;
    if (uncommittedBytes > 0 && bytes > 0 && uncommittedBytes + bytes > config.maxUncommittedBytes) return false;
    this.uncommittedBytes += bytes;
    const first = this.log.lastIndex() + 1;
    this.log.append(proposals.map((proposal, position) => entryOf(proposal, this.term, first + position)));
    this.sendAfterAppend(this.id, { type: 'append-accepted', index: this.log.lastIndex() });
    return true;
  }

  /** Entries were applied: they are committed, so they don't count any more. */
  releaseUncommitted(entries: readonly Entry[]): void {
    this.uncommittedBytes = Math.max(0, this.uncommittedBytes - totalPayloadBytes(entries));
  }

  send(to: PeerId, body: Body, term = this.term): void {
    this.messages.push({ ...body, from: this.id, to, term });
  }

  /** For what promises something that has to be on disk first: votes, and entries taken over. */
  sendAfterAppend(to: PeerId, body: Body, term = this.term): void {
    this.messagesAfterAppend.push({ ...body, from: this.id, to, term });
  }

  /** A new term has no vote yet. Whatever was known of the peers is forgotten. */
  #reset(term: number): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = NO_PEER;
    }
    this.leader = NO_PEER;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.electionTimeout = this.config.electionTicks + Math.floor(this.config.random() * this.config.electionTicks);
    this.transferee = NO_PEER;
    this.pendingConfigIndex = 0;
    this.uncommittedBytes = 0;
    this.reads = new ReadQueue();
    this.roundIsOpen = false;
    this.tracker.resetVotes();
    this.tracker.resetProgress(this.log.lastIndex());
  }
}

function entryOf(proposal: Proposal, term: number, index: number): Entry {
  return proposal.kind === 'normal'
    ? { term, index, kind: 'normal', data: proposal.data }
    : { term, index, kind: 'config-change', change: proposal.change };
}
