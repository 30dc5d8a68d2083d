/** What a node knows of its peers: their progress while it leads, their votes while it campaigns. */
import type { PeerId } from '../message.ts';
import { Progress } from './progress.ts';
import { committedIndex, type VoteResult, voteResult } from './quorum.ts';

export class Tracker {
  readonly #maxInflight: number;
  #voters: readonly PeerId[] = [];
  #progress = new Map<PeerId, Progress>();
  #votes = new Map<PeerId, boolean>();

  constructor(maxInflight: number) {
    this.#maxInflight = maxInflight;
  }

  /** In the order in which they are sent to. */
  get voters(): readonly PeerId[] {
    return this.#voters;
  }

  get votes(): ReadonlyMap<PeerId, boolean> {
    return this.#votes;
  }

  setVoters(voters: readonly PeerId[]): void {
    this.#voters = [...voters].sort((one, other) => (one < other ? -1 : 1));
  }

  isVoter(id: PeerId): boolean {
    return this.#voters.includes(id);
  }

  progressOf(id: PeerId): Progress | undefined {
    return this.#progress.get(id);
  }

  /** Nothing is known of the others, but that they may have what this node, `self`, has. */
  resetProgress(self: PeerId, lastIndex: number): void {
    this.#progress = new Map(
      this.#voters.map((id) => [id, new Progress(id === self ? lastIndex : 0, lastIndex + 1, this.#maxInflight)]),
    );
  }

  committedIndex(): number {
    return committedIndex(this.#voters, (id) => this.#progress.get(id)?.match ?? 0);
  }

  /** Whether a majority, `self` included, has answered since the last call. */
  takeQuorumActive(self: PeerId): boolean {
    const active = new Map([...this.#progress].map(([id, progress]) => [id, id === self || progress.recentlyActive]));
    for (const [id, progress] of this.#progress) if (id !== self) progress.recentlyActive = false;
    return voteResult(this.#voters, active) === 'won';
  }

  resetVotes(): void {
    this.#votes = new Map();
  }

  /** The first vote of a peer counts. */
  recordVote(id: PeerId, granted: boolean): VoteResult {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
    return voteResult(this.#voters, this.#votes);
  }
}
