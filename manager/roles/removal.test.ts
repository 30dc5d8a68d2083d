import { describe, expect, it } from 'vitest';
import type { Member } from '../replication/replicated-log.ts';
import { refuseHarm, removalOutcome } from './removal.ts';

/** a: reachable voter, A: unreachable voter, (a): learner. */
function members(text: string): Member[] {
  return text.split(' ').map((word) => {
    const letter = word.replace(/[()]/g, '');
    const id = letter.toLowerCase();
    return { id, address: `${id}:2377`, voter: word === letter, reachable: letter === id, leader: id === 'a' };
  });
}

describe('removalOutcome', () => {
  it.each([
    ['a b c', 'b', 'harmless'],
    ['a b c', 'x', 'harmless'],
    ['a B c', 'b', 'harmless'],
    ['a b', 'b', 'harmless'],
    ['a B', 'b', 'harmless'],
    ['a b C', 'b', 'no-quorum'],
    ['a b c D', 'b', 'harmless'],
    ['a b C D e', 'b', 'no-quorum'],
    ['a B (c)', 'c', 'harmless'],
    ['a (b)', 'a', 'last'],
    ['a', 'a', 'last'],
  ])('of %s without %s is %s', (text, id, outcome) => {
    expect(removalOutcome(members(text), id)).toMatchObject({ outcome });
  });
});

describe('refuseHarm', () => {
  const nameOf = (id: string) => `host-${id}`;
  const refuse = (text: string, id: string, force: boolean) =>
    refuseHarm('demote', nameOf(id), removalOutcome(members(text), id), force, nameOf);

  it('names who can be reached, how many are needed, and what to do', () => {
    expect(() => refuse('a b C', 'b', false)).toThrow(
      expect.objectContaining({
        code: 'WRONG_STATE',
        message:
          'cannot demote node host-b: of the 2 managers then left 2 are needed to decide anything, and these can be reached: host-a',
        hint: 'bring back host-c, or remove those nodes first; --force does it all the same',
      }),
    );
  });

  it('lets force through, but not for the last manager', () => {
    expect(() => refuse('a b C', 'b', true)).not.toThrow();
    expect(() => refuse('a', 'a', true)).toThrow(/last manager/);
  });
});
