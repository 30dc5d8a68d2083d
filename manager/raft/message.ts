/** What Raft's core takes in and gives out. Terms as in the paper (Ongaro and Ousterhout, 2014, and Ongaro's thesis). */

export type PeerId = string;
/** In the place of a peer: no vote cast, no leader known. */
export const NO_PEER: PeerId = '';

export interface Entry {
  readonly term: number;
  /** From 1, without gaps. */
  readonly index: number;
  /** Empty for the entry with which a leader begins its term. */
  readonly data: Uint8Array;
}

/** The state after the entry at `index`, and who votes from there on. */
export interface Snapshot {
  readonly index: number;
  readonly term: number;
  readonly voters: readonly PeerId[];
  readonly data: Uint8Array;
}

/** What must be on disk before a message that relies on it is sent. */
export interface HardState {
  readonly term: number;
  readonly vote: PeerId;
  readonly commit: number;
}

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
}

export interface VoteResponse {
  readonly type: 'vote-response' | 'pre-vote-response';
  readonly granted: boolean;
}

export interface Heartbeat {
  readonly type: 'heartbeat';
  readonly commit: number;
}

export interface HeartbeatResponse {
  readonly type: 'heartbeat-response';
}

export interface InstallSnapshot {
  readonly type: 'install-snapshot';
  readonly snapshot: Snapshot;
}

export type Body =
  | Append
  | AppendAccepted
  | AppendRejected
  | VoteRequest
  | VoteResponse
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot;

export interface Envelope {
  readonly from: PeerId;
  readonly to: PeerId;
  readonly term: number;
}

export type Message<B extends Body = Body> = Envelope & B;
