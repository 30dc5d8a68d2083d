/** Majorities of a fixed set of voters. Pure. */
import type { PeerId } from '../message.ts';

/** The highest index that a majority has. Without voters nothing is committed. */
export function committedIndex(voters: readonly PeerId[], matchOf: (voter: PeerId) => number): number {
  const matches = voters.map(matchOf).sort((one, other) => other - one);
  return matches[majority(voters.length) - 1] ?? 0;
}

export type VoteResult = 'won' | 'lost' | 'pending';

/** Votes that haven't been cast are missing from the map. */
export function voteResult(voters: readonly PeerId[], votes: ReadonlyMap<PeerId, boolean>): VoteResult {
  const granted = voters.filter((voter) => votes.get(voter) === true).length;
  const rejected = voters.filter((voter) => votes.get(voter) === false).length;
  if (granted >= majority(voters.length)) return 'won';
  return voters.length - rejected < majority(voters.length) ? 'lost' : 'pending';
}

function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}
