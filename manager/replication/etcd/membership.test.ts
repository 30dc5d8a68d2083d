import { describe, expect, it } from 'vitest';
import { membersOf, removalProblem, successor } from './membership.ts';

const view = {
  revision: 9,
  leader: { id: 'a', term: 5 },
  members: new Map([
    ['b', 'b:1'],
    ['a', 'a:1'],
    ['c', 'c:1'],
  ]),
  alive: new Map([
    ['a', '1'],
    ['b', '2'],
  ]),
};
const members = membersOf(view, 'a', true);

describe('membersOf', () => {
  it('shows all by id, with who leads and who is there', () => {
    expect(members).toEqual([
      { id: 'a', address: 'a:1', voter: true, reachable: true, leader: true },
      { id: 'b', address: 'b:1', voter: true, reachable: true, leader: false },
      { id: 'c', address: 'c:1', voter: true, reachable: false, leader: false },
    ]);
  });

  it('shows a member that is cut off that it knows of nobody else', () => {
    expect(membersOf(view, 'b', false).map(({ reachable, leader }) => [reachable, leader])).toEqual([
      [false, false],
      [true, false],
      [false, false],
    ]);
  });
});

describe('removalProblem', () => {
  it('has nothing against it while another is there', () => {
    expect(removalProblem(members, 'a')).toBeUndefined();
    expect(removalProblem(members, 'c')).toBeUndefined();
    expect(removalProblem(members, 'stranger')).toBeUndefined();
  });

  it('names those that cannot be reached when nobody would be left', () => {
    expect(
      removalProblem(
        members.filter(({ id }) => id !== 'b'),
        'a',
      ),
    ).toMatchObject({
      code: 'WRONG_STATE',
      message: expect.stringContaining('not c'),
    });
    expect(removalProblem(members.slice(0, 1), 'a')).toMatchObject({
      message: expect.stringContaining('only manager'),
    });
  });
});

describe('successor', () => {
  it('is who was named, or who is there', () => {
    expect(successor(members, 'a', 'b')).toBe('b');
    expect(successor(members, 'a', undefined)).toBe('b');
    expect(successor(members, 'a', 'a')).toBe('a');
  });

  it('must be there', () => {
    expect(() => successor(members, 'a', 'c')).toThrow("can't be reached");
    expect(() => successor(members, 'a', 'stranger')).toThrow('no manager');
    expect(() => successor(members.slice(0, 1), 'a', undefined)).toThrow('no other manager');
  });
});
