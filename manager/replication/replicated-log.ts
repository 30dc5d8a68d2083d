/** What the store needs of replication. One conformance suite tests every implementation. */

import type { GantryError } from '../../proto/errors.ts';

/** The deterministic state that the log is applied to. */
export interface StateMachine {
  /** Applies a committed entry. Called in index order, once per index; must not throw for any data that was proposed. */
  apply(index: number, data: Uint8Array): void;
  /**
   * The whole state at the moment of the call, for `restore`; what is applied later doesn't show in it. Equal states
   * give equal bytes. Made piece by piece, so that nothing else has to wait.
   */
  snapshot(): Promise<Uint8Array>;
  /** Replaces the whole state; until it resolves, nothing is applied and readers see the old one. */
  restore(index: number, data: Uint8Array): Promise<void>;
}

export interface Leadership {
  readonly isLeader: boolean;
  /** Undefined while there is none. */
  readonly leaderId: string | undefined;
  readonly term: number;
}

/** What the log says of itself to those who watch it; undefined where that isn't known. */
export interface LogFigures {
  /** Index of the last entry that is known to be committed. */
  readonly commitIndex: number;
  /** Entries since the last snapshot, */
  readonly entries: number | undefined;
  /** and their size. */
  readonly bytes: number | undefined;
  /** Proposals that aren't applied yet. */
  readonly proposalsPending: number | undefined;
}

/** A manager that takes part in the log. */
export interface Member {
  readonly id: string;
  /** IP:PORT that other managers reach it at. */
  readonly address: string;
  /** False while it is still catching up. */
  readonly voter: boolean;
  /** As this manager sees it. */
  readonly reachable: boolean;
  readonly leader: boolean;
}

export interface Removal {
  /** Also when the members that are left can't be reached by enough of them to go on. */
  readonly force: boolean;
}

export interface ReplicatedLog {
  /**
   * Resolves with the entry's index once it is committed, on disk, and applied to this node's state machine.
   * Rejects with UNAVAILABLE when this node doesn't lead or loses leadership first (the entry may still commit).
   */
  propose(data: Uint8Array): Promise<number>;
  /**
   * Resolves when all entries committed before the call are applied here: a linearizable read may follow. Works on
   * every member. UNAVAILABLE when no majority answers.
   */
  readBarrier(): Promise<void>;
  leadership(): Leadership;
  /** Why nothing can be decided any more; undefined while that isn't known to be so. */
  problem(): GantryError | undefined;
  /** Returns the unsubscribe function. */
  onLeadership(listener: (leadership: Leadership) => void): () => void;
  members(): readonly Member[];
  /** As they are now. Costs next to nothing. */
  figures(): LogFigures;
  /**
   * Only where this node leads. The member first learns, and votes once it has caught up. Resolves when it takes part;
   * idempotent; a member whose address is another one now moves there.
   */
  addMember(id: string, address: string): Promise<void>;
  /** Only where this node leads. WRONG_STATE, with why, when what is left couldn't decide any more. Idempotent. */
  removeMember(id: string, removal: Removal): Promise<void>;
  /** Only where this node leads. To the member named, or to the one that is furthest; resolves when it leads. */
  transferLeadership(to?: string): Promise<void>;
  /** Index of the last applied entry. */
  readonly appliedIndex: number;
  /** A leader hands over first. */
  close(): Promise<void>;
}
