/** What the store needs of replication. One conformance suite tests every implementation. */

/** The deterministic state that the log is applied to. */
export interface StateMachine {
  /** Applies a committed entry. Called in index order, once per index; must not throw for any data that was proposed. */
  apply(index: number, data: Uint8Array): void;
  /** The whole state after the last applied entry, for `restore`. */
  snapshot(): Uint8Array;
  /** Replaces the whole state. */
  restore(index: number, data: Uint8Array): void;
}

export interface Leadership {
  readonly isLeader: boolean;
  /** Undefined while there is none. */
  readonly leaderId: string | undefined;
  readonly term: number;
}

export interface ReplicatedLog {
  /**
   * Resolves with the entry's index once it is committed, on disk, and applied to this node's state machine.
   * Rejects with UNAVAILABLE when this node doesn't lead or loses leadership first (the entry may still commit).
   */
  propose(data: Uint8Array): Promise<number>;
  /** Resolves when all entries committed before the call are applied here: a linearizable read may follow. */
  readBarrier(): Promise<void>;
  leadership(): Leadership;
  /** Returns the unsubscribe function. */
  onLeadership(listener: (leadership: Leadership) => void): () => void;
  /** Index of the last applied entry. */
  readonly appliedIndex: number;
  close(): Promise<void>;
}
