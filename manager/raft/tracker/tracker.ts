/** What a node knows of its peers: who takes part, their progress while it leads, their votes while it campaigns. */
import { type Configuration, NO_CONFIGURATION, type PeerId } from '../message.ts';
import { committedIndex, type VoteResult, type Voters, voteResult } from '../quorum/quorum.ts';
import { type InflightLimits, Progress } from './progress.ts';

export class Tracker {
  readonly #self: PeerId;
  readonly #limits: InflightLimits;
  #configuration: Configuration = NO_CONFIGURATION;
  #voterSets: Voters = { incoming: [], outgoing: [] };
  #voters: readonly PeerId[] = [];
  #others: readonly PeerId[] = [];
  /** In the order in which they are sent to. */
  #progress = new Map<PeerId, Progress>();
  #votes = new Map<PeerId, boolean>();

  constructor(self: PeerId, limits: InflightLimits) {
    this.#self = self;
    this.#limits = limits;
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  /** Those of both halves of a joint configuration, in order. */
  get voters(): readonly PeerId[] {
    return this.#voters;
  }

  /** Everybody but this node, learners too, in the order in which they are sent to. */
  get others(): readonly PeerId[] {
    return this.#others;
  }

  get progress(): ReadonlyMap<PeerId, Progress> {
    return this.#progress;
  }

  get own(): Progress | undefined {
    return this.#progress.get(this.#self);
  }

  /** Keeps what is known of those that stay. Of those that come it is only assumed that they may have the log. */
  configure(configuration: Configuration, lastIndex: number): void {
    const { voters, votersOutgoing, learners } = configuration;
    this.#configuration = configuration;
    this.#voterSets = { incoming: voters, outgoing: votersOutgoing };
    this.#voters = [...new Set([...voters, ...votersOutgoing])].sort();
    const ids = [...new Set([...this.#voters, ...learners])].sort();
    this.#others = ids.filter((id) => id !== this.#self);
    const known = this.#progress;
    this.#progress = new Map(ids.map((id) => [id, known.get(id) ?? this.#newcomer(lastIndex)]));
    for (const [id, progress] of this.#progress) progress.learner = learners.includes(id);
  }

  isVoter(id: PeerId): boolean {
    return this.#voters.includes(id);
  }

  progressOf(id: PeerId): Progress | undefined {
    return this.#progress.get(id);
  }

  /** Nothing is known of the others, but that they may have what this node has. */
  resetProgress(lastIndex: number): void {
    for (const [id, { learner }] of this.#progress) {
      const progress = new Progress(id === this.#self ? lastIndex : 0, lastIndex + 1, this.#limits);
      progress.learner = learner;
      this.#progress.set(id, progress);
    }
  }

  committedIndex(): number {
    return committedIndex(this.#voterSets, (id) => this.#progress.get(id)?.match ?? 0);
  }

  /** The highest of the numbers that a majority has reached; 0 for who is missing from the map. */
  reachedByMajority(numbers: ReadonlyMap<PeerId, number>): number {
    return committedIndex(this.#voterSets, (id) => numbers.get(id) ?? 0);
  }

  /** Whether a majority, this node included, has answered since the last call. */
  takeQuorumActive(): boolean {
    const active = new Map<PeerId, boolean>();
    for (const [id, progress] of this.#progress) {
      if (!progress.learner) active.set(id, id === this.#self || progress.recentlyActive);
      if (id !== this.#self) progress.recentlyActive = false;
    }
    return voteResult(this.#voterSets, active) === 'won';
  }

  resetVotes(): void {
    this.#votes = new Map();
  }

  hasVoteOf(id: PeerId): boolean {
    return this.#votes.get(id) === true;
  }

  /** The first vote of a peer counts. */
  recordVote(id: PeerId, granted: boolean): VoteResult {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
    return voteResult(this.#voterSets, this.#votes);
  }

  #newcomer(lastIndex: number): Progress {
    const progress = new Progress(0, Math.max(lastIndex, 1), this.#limits);
    // Else the leader might count it as gone before it has had the time to answer.
    progress.recentlyActive = true;
    return progress;
  }
}
