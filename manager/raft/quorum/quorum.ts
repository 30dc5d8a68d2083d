/** Majorities, of one set of voters and of the two of a joint configuration (thesis, section 4.3). Pure. */
import type { PeerId } from '../message.ts';

/** The voters whose majorities decide: of both sets, where the second isn't empty. */
export interface Voters {
  readonly incoming: readonly PeerId[];
  readonly outgoing: readonly PeerId[];
}

export type VoteResult = 'won' | 'lost' | 'pending';

/** The highest index that is everywhere it must be. Infinity without any voter: an empty set decides nothing. */
export function committedIndex({ incoming, outgoing }: Voters, matchOf: (voter: PeerId) => number): number {
  const one = majorityIndex(incoming, matchOf);
  return outgoing.length === 0 ? one : Math.min(one, majorityIndex(outgoing, matchOf));
}

/** Votes that haven't been cast are missing from the map. Won without any voter. */
export function voteResult({ incoming, outgoing }: Voters, votes: ReadonlyMap<PeerId, boolean>): VoteResult {
  const one = majorityResult(incoming, votes);
  const other = majorityResult(outgoing, votes);
  if (one === other) return one;
  return one === 'lost' || other === 'lost' ? 'lost' : 'pending';
}

function majorityIndex(voters: readonly PeerId[], matchOf: (voter: PeerId) => number): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const matches = voters.map(matchOf).sort(descending);
  return matches[majority(voters.length) - 1] ?? 0;
}

function majorityResult(voters: readonly PeerId[], votes: ReadonlyMap<PeerId, boolean>): VoteResult {
  if (voters.length === 0) return 'won';
  let granted = 0;
  let rejected = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) granted += 1;
    else if (vote === false) rejected += 1;
  }
  if (granted >= majority(voters.length)) return 'won';
  return voters.length - rejected < majority(voters.length) ? 'lost' : 'pending';
}

function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

function descending(one: number, other: number): number {
  return other - one;
}
