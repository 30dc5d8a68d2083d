import { describe, expect, it } from 'vitest';
import { NO_CONFIGURATION } from '../message.ts';
import { Tracker } from './tracker.ts';

const LIMITS = { maxMessages: 10, maxBytes: Number.POSITIVE_INFINITY };

function tracker(): Tracker {
  const made = new Tracker('a', LIMITS);
  made.configure({ ...NO_CONFIGURATION, voters: ['a', 'b', 'c'], learners: ['d'] }, 10);
  made.resetProgress(10);
  return made;
}

describe('who takes part', () => {
  it('is in order, without this node, learners too', () => {
    expect(tracker().others).toEqual(['b', 'c', 'd']);
    expect(tracker().voters).toEqual(['a', 'b', 'c']);
  });

  it('keeps what is known of those that stay', () => {
    const made = tracker();
    made.progressOf('b')?.confirm(8);
    made.progressOf('d')?.confirm(9);
    made.configure({ ...NO_CONFIGURATION, voters: ['a', 'b', 'd', 'e'], votersOutgoing: ['a', 'b', 'c'] }, 12);
    expect(made.progressOf('b')).toMatchObject({ match: 8, learner: false });
    expect(made.progressOf('d')).toMatchObject({ match: 9, learner: false });
    expect(made.progressOf('e')).toMatchObject({ match: 0, next: 12, recentlyActive: true });
    made.configure({ ...NO_CONFIGURATION, voters: ['a', 'b', 'd', 'e'] }, 12);
    expect(made.progressOf('c')).toBeUndefined();
  });
});

describe('a majority', () => {
  it('is without learners', () => {
    const made = tracker();
    made.progressOf('d')?.confirm(10);
    expect(made.committedIndex()).toBe(0);
    made.progressOf('b')?.confirm(7);
    expect(made.committedIndex()).toBe(7);
  });

  it('has answered, or has not since the last time it was asked', () => {
    const made = tracker();
    for (const id of ['d']) Object.assign(made.progressOf(id) ?? {}, { recentlyActive: true });
    expect(made.takeQuorumActive()).toBe(false);
    const other = made.progressOf('c');
    if (other !== undefined) other.recentlyActive = true;
    expect(made.takeQuorumActive()).toBe(true);
    expect(made.takeQuorumActive()).toBe(false);
  });

  it('votes: the first vote of each counts', () => {
    const made = tracker();
    expect(made.recordVote('b', false)).toBe('pending');
    expect(made.recordVote('b', true)).toBe('pending');
    expect(made.recordVote('d', true)).toBe('pending');
    expect(made.recordVote('c', true)).toBe('pending');
    expect(made.recordVote('a', true)).toBe('won');
  });
});
