/**
 * The state of one node and the changes between its roles. What makes it change is in step.ts and the files it calls;
 * nothing here or there does I/O, keeps time, or draws a number of its own.
 */

import type { LogStorage } from './log/log-storage.ts';
import { RaftLog } from './log/raft-log.ts';
import {
  type Body,
  type Configuration,
  type Entry,
  type HardState,
  type Message,
  NO_CONFIGURATION,
  NO_PEER,
  type PeerId,
  type Proposal,
  type ReadState,
  type Role,
} from './message.ts';
import { Tracker } from './tracker/tracker.ts';

export interface RaftConfig {
  readonly id: PeerId;
  readonly storage: LogStorage;
  /** Index of the last entry that the state machine has. */
  readonly applied: number;
  /** Ticks without a leader after which a follower campaigns; drawn anew each time from [n, 2n). */
  readonly electionTicks: number;
  /** Ticks between a leader's heartbeats; well below electionTicks. */
  readonly heartbeatTicks: number;
  /** Ask the others whether they would vote before campaigning in earnest (thesis, section 9.6). */
  readonly preVote: boolean;
  /** A leader that a majority doesn't answer steps down, and nobody votes who hears from a leader (thesis, section 6.2). */
  readonly checkQuorum: boolean;
  readonly maxBytesPerMessage: number;
  /** Messages with entries on their way to one follower. */
  readonly maxInflightMessages: number;
  /** The same in bytes; at least maxBytesPerMessage. Without it unlimited. */
  readonly maxInflightBytes?: number;
  /** Of committed entries being applied at a time; 4 MiB without it. */
  readonly maxBytesApplying?: number;
  /** Of a leader's entries that aren't committed: what would go beyond is dropped. Without it unlimited. */
  readonly maxUncommittedBytes?: number;
  /** Whether a follower passes proposals on to its leader; true without it. False: they are dropped. */
  readonly forwardProposals?: boolean;
  /** `safe` (without it): each read asks a majority. `lease`: trusts the clocks' rates, and needs checkQuorum. */
  readonly readOnly?: 'safe' | 'lease';
  /** A leader that is removed or becomes a learner steps down at once; true without it. */
  readonly stepDownOnRemoval?: boolean;
  /**
   * Whether a change of the configuration that isn't possible now is replaced by an empty entry when it is proposed; true
   * without it. Only to be switched off by whoever serializes changes in another way: applying an impossible one fails.
   */
  readonly validateConfigChanges?: boolean;
  /** Log and state machine are written by messages to them and answers from them: see storage-writes.ts. */
  readonly asyncStorageWrites?: boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export class Raft {
  readonly config: RaftConfig;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  term: number;
  vote: PeerId;
  leader: PeerId = NO_PEER;
  role: Role = 'follower';
  /** Ticks since the last election began or its leader was last heard; while leading, since the quorum was last checked. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  electionTimeout = 0;
  /** To be sent as they are. */
  messages: Message[] = [];
  /** To be sent only once everything before them is on disk; also this node's answers to itself. */
  messagesAfterAppend: Message[] = [];
  /** Reads that may be answered once the state machine has what they name. */
  readStates: ReadState[] = [];

  constructor(config: RaftConfig) {
    const { hardState, configuration } = config.storage.initialState();
    this.config = config;
    this.log = new RaftLog(config.storage, hardState.commit, config.applied);
    this.tracker = new Tracker(config.maxInflightMessages);
    this.tracker.setVoters(configuration.voters);
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.becomeFollower(this.term, NO_PEER);
  }

  get id(): PeerId {
    return this.config.id;
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  /** Whether this node may campaign: not before it knows who votes. */
  get promotable(): boolean {
    return this.tracker.isVoter(this.id) && this.log.pendingSnapshot === undefined;
  }

  get configuration(): Configuration {
    return { ...NO_CONFIGURATION, voters: this.tracker.voters };
  }

  get peers(): readonly PeerId[] {
    return this.tracker.voters.filter((id) => id !== this.id);
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
    const own = this.tracker.progressOf(this.id);
    if (own !== undefined) {
      own.becomeReplicate();
      own.recentlyActive = true;
    }
    this.appendOwn([{ kind: 'normal', data: new Uint8Array() }]);
  }

  /** Entries of this node's own term; counts itself only once they are on disk. */
  appendOwn(proposals: readonly Proposal[]): void {
    const first = this.log.lastIndex() + 1;
    this.log.append(
      proposals.map((proposal, position): Entry => ({ term: this.term, index: first + position, ...proposal })),
    );
    this.sendAfterAppend(this.id, { type: 'append-accepted', index: this.log.lastIndex() });
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
    this.tracker.resetVotes();
    this.tracker.resetProgress(this.id, this.log.lastIndex());
  }
}
