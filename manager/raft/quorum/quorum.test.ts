import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { committedIndex, type Voters, voteResult } from './quorum.ts';

function majorityOf(...incoming: string[]): Voters {
  return { incoming, outgoing: [] };
}

function matches(indexes: Record<string, number>): (voter: string) => number {
  return (voter) => indexes[voter] ?? 0;
}

describe('the index that is committed', () => {
  it.each([
    [['a'], { a: 7 }, 7],
    [['a', 'b'], { a: 7, b: 5 }, 5],
    [['a', 'b', 'c'], { a: 7, b: 5 }, 5],
    [['a', 'b', 'c'], { a: 7 }, 0],
    [['a', 'b', 'c', 'd'], { a: 7, b: 6, c: 5 }, 5],
    [['a', 'b', 'c', 'd', 'e'], { a: 1, b: 2, c: 3, d: 4, e: 5 }, 3],
  ])('of %j with %j is %i', (voters, indexes, expected) => {
    expect(committedIndex(majorityOf(...voters), matches(indexes))).toBe(expected);
  });

  it('is the lower one of a joint configuration', () => {
    const voters = { incoming: ['a', 'b', 'c'], outgoing: ['c', 'd', 'e'] };
    expect(committedIndex(voters, matches({ a: 9, b: 9, c: 9, d: 4, e: 2 }))).toBe(4);
  });

  it('is without end where nobody votes', () => {
    expect(committedIndex(majorityOf(), matches({}))).toBe(Number.POSITIVE_INFINITY);
  });

  it('is the highest that more than half of the voters have', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 9 }), (indexes) => {
        const voters = indexes.map((_, position) => `n${position}`);
        const index = committedIndex(majorityOf(...voters), (voter) => indexes[voters.indexOf(voter)] ?? 0);
        const have = (least: number) => indexes.filter((one) => one >= least).length;
        expect(have(index) * 2).toBeGreaterThan(voters.length);
        expect(have(index + 1) * 2).toBeLessThanOrEqual(voters.length);
      }),
    );
  });
});

describe('the result of a vote', () => {
  it.each([
    [['a'], {}, 'pending'],
    [['a'], { a: true }, 'won'],
    [['a'], { a: false }, 'lost'],
    [['a', 'b'], { a: true }, 'pending'],
    [['a', 'b'], { a: true, b: false }, 'lost'],
    [['a', 'b', 'c'], { a: true, b: true }, 'won'],
    [['a', 'b', 'c'], { a: true, b: false }, 'pending'],
    [['a', 'b', 'c'], { b: false, c: false }, 'lost'],
    [['a', 'b', 'c'], { x: true, y: true, a: true }, 'pending'],
  ])('of %j with %j is %s', (voters, votes, expected) => {
    expect(voteResult(majorityOf(...voters), new Map(Object.entries(votes)))).toBe(expected);
  });

  it.each([
    [{ a: true, b: true }, 'pending'],
    [{ a: true, b: true, d: true }, 'pending'],
    [{ a: true, b: true, c: true, d: true }, 'won'],
    [{ a: true, b: true, d: false, e: false }, 'lost'],
    [{ a: false, b: false }, 'lost'],
  ])('in a joint configuration with %j is %s', (votes, expected) => {
    const voters = { incoming: ['a', 'b', 'c'], outgoing: ['c', 'd', 'e'] };
    expect(voteResult(voters, new Map(Object.entries(votes)))).toBe(expected);
  });
});
