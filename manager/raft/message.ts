/** What Raft's core takes in and gives out. Terms as in the paper (Ongaro and Ousterhout, 2014, and Ongaro's thesis). */

export type PeerId = string;
/** In the place of a peer: no vote cast, no leader known. */
export const NO_PEER: PeerId = '';

export interface NormalEntry {
  readonly term: number;
  /** From 1, without gaps. */
  readonly index: number;
  readonly kind: 'normal';
  /** Empty for the entry with which a leader begins its term. */
  readonly data: Uint8Array;
}

export interface ConfigChangeEntry {
  readonly term: number;
  readonly index: number;
  readonly kind: 'config-change';
  readonly change: ConfigChange;
}

export type Entry = NormalEntry | ConfigChangeEntry;

/** `update` changes nothing of who takes part: it is there for what a program keeps of a node beside the log. */
export interface SingleChange {
  readonly type: 'add-voter' | 'add-learner' | 'remove' | 'update';
  readonly node: PeerId;
}

/**
 * How to get from one configuration to the next. With at most one voter coming or going `auto` does so in one step;
 * otherwise through a joint configuration, in which majorities of both, the old and the new voters, decide. It is left
 * by itself (`joint-implicit`, and `auto`), or by a change without changes (`joint-explicit`). Thesis, chapter 4.
 */
export interface ConfigChange {
  readonly transition: 'auto' | 'joint-implicit' | 'joint-explicit';
  /** Empty to leave the joint configuration. */
  readonly changes: readonly SingleChange[];
  /** For the program that proposes it; the core hands it on as it is. */
  readonly context: Uint8Array;
}

/** Who takes part. Sets, in ascending order. */
export interface Configuration {
  readonly voters: readonly PeerId[];
  /** The voters of the configuration that is being left; empty unless the configuration is joint. */
  readonly votersOutgoing: readonly PeerId[];
  /** They get the log, but neither vote nor count. */
  readonly learners: readonly PeerId[];
  /** They still vote in the configuration that is being left, and become learners with it. */
  readonly learnersNext: readonly PeerId[];
  /** The joint configuration is left as soon as it is applied. */
  readonly autoLeave: boolean;
}

export const NO_CONFIGURATION: Configuration = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** One that nothing is changing in. */
export function configurationOf(voters: readonly PeerId[]): Configuration {
  return { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
}

/** The state after the entry at `index`, and who takes part from there on. */
export interface Snapshot {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
  readonly data: Uint8Array;
}

/** What must be on disk before a message that relies on it is sent. */
export interface HardState {
  readonly term: number;
  readonly vote: PeerId;
  readonly commit: number;
}

/** The read with this context sees everything it must once the state machine has the entry at `index`. */
export interface ReadState {
  readonly index: number;
  readonly context: Uint8Array;
}

/** What becomes of a proposal: `accepted` is in the leader's log, which doesn't mean that it will be committed. */
export type ProposalResult = 'accepted' | 'forwarded' | 'dropped';

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

export interface SoftState {
  readonly leader: PeerId;
  readonly role: Role;
}

export interface Append {
  readonly type: 'append';
  readonly previousIndex: number;
  readonly previousTerm: number;
  readonly entries: readonly Entry[];
  /** What the sender knows to be committed. */
  readonly commit: number;
}

export interface AppendAccepted {
  readonly type: 'append-accepted';
  /** The sender's log is the receiver's up to here. */
  readonly index: number;
}

export interface AppendRejected {
  readonly type: 'append-rejected';
  /** The previousIndex that didn't fit. */
  readonly index: number;
  /** The last index at which the logs may agree, and the term the sender has there; 0 when it isn't known. */
  readonly hintIndex: number;
  readonly hintTerm: number;
}

export interface VoteRequest {
  readonly type: 'vote-request' | 'pre-vote-request';
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** The leader has asked for this campaign: its lease doesn't stand against it. */
  readonly transfer: boolean;
}

export interface VoteResponse {
  readonly type: 'vote-response' | 'pre-vote-response';
  readonly granted: boolean;
  /** What the voter knows to be committed: see learnCommit. */
  readonly commitIndex: number;
  readonly commitTerm: number;
}

export interface Heartbeat {
  readonly type: 'heartbeat';
  readonly commit: number;
  /** Of the latest read that waits for a majority; empty when there is none. */
  readonly context: Uint8Array;
}

export interface HeartbeatResponse {
  readonly type: 'heartbeat-response';
  /** The heartbeat's. */
  readonly context: Uint8Array;
}

export interface InstallSnapshot {
  readonly type: 'install-snapshot';
  readonly snapshot: Snapshot;
}

/** Proposals on their way to the leader, which gives them their index and term. */
export interface Propose {
  readonly type: 'propose';
  readonly proposals: readonly Proposal[];
}

export type Proposal = Omit<NormalEntry, 'term' | 'index'> | Omit<ConfigChangeEntry, 'term' | 'index'>;

/** A node other than the leader asks from which index on a read is linearizable. */
export interface ReadIndex {
  readonly type: 'read-index';
  /** Tells this read from all others of its node. */
  readonly context: Uint8Array;
}

export interface ReadIndexResponse {
  readonly type: 'read-index-response';
  readonly context: Uint8Array;
  readonly index: number;
}

/** The leader asks a node that has the whole log to campaign at once. */
export interface TimeoutNow {
  readonly type: 'timeout-now';
}

/** Asks the leader to hand over to `target`. */
export interface TransferLeadership {
  readonly type: 'transfer-leadership';
  readonly target: PeerId;
}

export type Body =
  | Append
  | AppendAccepted
  | AppendRejected
  | VoteRequest
  | VoteResponse
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot
  | Propose
  | ReadIndex
  | ReadIndexResponse
  | TimeoutNow
  | TransferLeadership;

export interface Envelope {
  readonly from: PeerId;
  readonly to: PeerId;
  readonly term: number;
}

export type Message<B extends Body = Body> = Envelope & B;
