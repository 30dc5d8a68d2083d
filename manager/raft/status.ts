/** What a node can say of itself: for operators, and for decisions such as whom to promote. */
import type { Configuration, PeerId, Role } from './message.ts';
import type { Raft } from './raft.ts';
import type { Progress, ProgressState } from './tracker/progress.ts';

/** What a leader knows of one node's log. */
export interface PeerStatus {
  readonly id: PeerId;
  readonly learner: boolean;
  /** Its log is the leader's up to here. */
  readonly match: number;
  /** Index of the next entry to send. */
  readonly next: number;
  readonly state: ProgressState;
  /** Nothing is sent until it answers. */
  readonly paused: boolean;
  /** Index of the snapshot it is to install; 0 without one. */
  readonly pendingSnapshot: number;
  /** Has answered since the leader last asked who is still there. */
  readonly recentlyActive: boolean;
  /** Messages with entries on their way. */
  readonly inflight: number;
  readonly inflightFull: boolean;
}

export interface Status {
  readonly id: PeerId;
  readonly role: Role;
  readonly term: number;
  readonly leader: PeerId;
  readonly commit: number;
  readonly applied: number;
  readonly configuration: Configuration;
  /** Whom a leader is handing over to; empty when to nobody. */
  readonly transferee: PeerId;
  /** Of all in the configuration, in the order of their ids; empty unless this node leads. */
  readonly progress: readonly PeerStatus[];
}

export function statusOf(raft: Raft): Status {
  const { id, role, term, leader, log, tracker, transferee } = raft;
  return {
    id,
    role,
    term,
    leader,
    commit: log.committed,
    applied: log.applied,
    configuration: tracker.configuration,
    transferee,
    progress: role === 'leader' ? [...tracker.progress].map(([peer, progress]) => peerStatus(peer, progress)) : [],
  };
}

function peerStatus(id: PeerId, progress: Progress): PeerStatus {
  const { learner, match, next, state, paused, pendingSnapshot, recentlyActive, inflight, inflightFull } = progress;
  return { id, learner, match, next, state, paused, pendingSnapshot, recentlyActive, inflight, inflightFull };
}
