import { describe, expect, it } from 'vitest';
import type { Configuration } from '../raft/message.ts';
import { additionOf, learnerToPromote, peersAfter, promotionOf, removalOf, removalProblem } from './membership.ts';
import { lostQuorum } from './quorum-loss.ts';
import type { Member } from './replicated-log.ts';

function configuration(voters: readonly string[], learners: readonly string[] = []): Configuration {
  return { voters, votersOutgoing: [], learners, learnersNext: [], autoLeave: false };
}

/** "a+ b- c?": a reachable, b not, c a learner. */
function members(text: string): Member[] {
  return text.split(' ').map((word) => ({
    id: word.slice(0, -1),
    address: `${word.slice(0, -1)}:2377`,
    voter: !word.endsWith('?'),
    reachable: !word.endsWith('-'),
    leader: false,
  }));
}

describe('the addresses of the members', () => {
  const a = { id: 'a', address: '10.0.0.1:2377' };
  const b = { id: 'b', address: '10.0.0.2:2377' };

  it('follow from the changes', () => {
    const added = peersAfter([a], additionOf(b, false), configuration(['a'], ['b']));
    expect(added).toEqual([a, b]);
    expect(peersAfter(added, promotionOf('b'), configuration(['a', 'b']))).toEqual([a, b]);
    expect(peersAfter(added, removalOf('b'), configuration(['a']))).toEqual([a]);
  });

  it('change when a member has moved', () => {
    const moved = { id: 'b', address: '10.0.0.9:2377' };
    expect(peersAfter([a, b], additionOf(moved, true), configuration(['a', 'b']))).toEqual([a, moved]);
  });
});

describe('learnerToPromote', () => {
  it('takes one that has caught up and answers', () => {
    const learners = [
      { id: 'new', match: 0, recentlyActive: true },
      { id: 'behind', match: 800, recentlyActive: true },
      { id: 'silent', match: 1000, recentlyActive: false },
      { id: 'ready', match: 950, recentlyActive: true },
    ];
    expect(learnerToPromote(learners, 1000)).toBe('ready');
    expect(learnerToPromote(learners.slice(0, 3), 1000)).toBeUndefined();
  });
});

describe('removalProblem', () => {
  it.each([
    ['of three that all answer', 'a+ b+ c+', 'c'],
    ['one that is down, when the others answer', 'a+ b+ c-', 'c'],
    ['a learner, whatever the others do', 'a+ b- c?', 'c'],
    ['somebody who is no member', 'a+', 'x'],
    ['down to one', 'a+ b+', 'b'],
  ])('lets one go %s', (_what, text, id) => {
    expect(removalProblem(members(text), id)).toBeUndefined();
  });

  it.each([
    ['the only one', 'a+', 'a', /only manager/],
    [
      'one that is needed because another is down',
      'a+ b+ c-',
      'b',
      /2 managers left 2 are needed, and c can't be reached/,
    ],
    ['one of five when two are down', 'a+ b+ c+ d- e-', 'c', /4 managers left 3 are needed, and d, e/],
  ])('keeps %s', (_what, text, id, message) => {
    expect(removalProblem(members(text), id)).toMatchObject({
      code: 'WRONG_STATE',
      message: expect.stringMatching(message),
    });
  });
});

describe('lostQuorum', () => {
  it('names who is missing, how many are needed, and the way out', () => {
    const error = lostQuorum(members('a+ b- c-'));
    expect(error?.message).toBe(
      "the cluster has lost its quorum: 2 of its 3 managers are needed, and b (b:2377), c (c:2377) can't be reached",
    );
    expect(error?.hint).toContain('gantry cluster recover');
  });

  it('is nothing while enough are there', () => {
    expect(lostQuorum(members('a+ b+ c-'))).toBeUndefined();
  });
});
