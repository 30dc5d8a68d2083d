/** What Raft promises, by the names of figure 3 of the paper, and what Gantry builds on it. */
export type Invariant =
  | 'election safety'
  | 'log matching'
  | 'leader completeness'
  | 'state machine safety'
  | 'durability'
  | 'linearizability'
  | 'liveness';

/** A promise that was broken. */
export class Violation extends Error {
  readonly invariant: Invariant;

  constructor(invariant: Invariant, message: string) {
    super(message);
    this.invariant = invariant;
  }
}
