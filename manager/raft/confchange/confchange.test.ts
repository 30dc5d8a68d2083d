import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConfigChange, Configuration, PeerId, SingleChange } from '../message.ts';
import { enterJoint, leaveJoint, nextConfiguration, simple } from './confchange.ts';
import { ConfigChangeError, checkInvariants } from './invariants.ts';

function configuration(voters: PeerId[], more: Partial<Configuration> = {}): Configuration {
  return { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false, ...more };
}

/** "v1 l2 r3": a voter, a learner, a removal. */
function changes(text: string): SingleChange[] {
  const types = { v: 'add-voter', l: 'add-learner', r: 'remove', u: 'update' } as const;
  const tokens = text.split(' ').filter((token) => token !== '');
  return tokens.map((token) => ({ type: types[token.charAt(0) as keyof typeof types], node: token.slice(1) }));
}

function change(text: string, transition: ConfigChange['transition'] = 'auto'): ConfigChange {
  return { transition, changes: changes(text), context: new Uint8Array() };
}

const ABC = configuration(['a', 'b', 'c']);

describe('a simple change', () => {
  it.each([
    ['va', ABC],
    ['vd', configuration(['a', 'b', 'c', 'd'])],
    ['ra', configuration(['b', 'c'])],
    ['rd', ABC],
    ['ua', ABC],
    ['ld', configuration(['a', 'b', 'c'], { learners: ['d'] })],
    ['lc', configuration(['a', 'b'], { learners: ['c'] })],
    ['ld vd', configuration(['a', 'b', 'c', 'd'])],
    ['vd rd', ABC],
  ])('%s', (text, expected) => {
    expect(simple(ABC, changes(text))).toEqual(expected);
  });

  it('makes a learner a voter', () => {
    expect(simple(configuration(['a'], { learners: ['b'] }), changes('vb'))).toEqual(configuration(['a', 'b']));
  });

  it.each([
    [ABC, 'vd ve', 'more than one voter changed without entering joint config'],
    [ABC, 'ra vd', 'more than one voter changed without entering joint config'],
    [configuration(['a']), 'ra', 'removed all voters'],
    [configuration(['a']), 'la', 'removed all voters'],
    [configuration(['a'], { votersOutgoing: ['a'] }), 'vb', "can't apply simple config change in joint config"],
  ])('of %j by %s is refused', (from, text, reason) => {
    expect(() => simple(from, changes(text))).toThrow(reason);
  });
});

describe('a joint change', () => {
  it('keeps the old voters beside the new ones', () => {
    expect(enterJoint(ABC, changes('ra rb vd'), true)).toEqual(
      configuration(['c', 'd'], { votersOutgoing: ['a', 'b', 'c'], autoLeave: true }),
    );
  });

  it('notes an old voter as a learner to be, and makes it one in the end', () => {
    const joint = enterJoint(ABC, changes('lc ld'), false);
    expect(joint).toEqual(
      configuration(['a', 'b'], { votersOutgoing: ['a', 'b', 'c'], learners: ['d'], learnersNext: ['c'] }),
    );
    expect(leaveJoint(joint)).toEqual(configuration(['a', 'b'], { learners: ['c', 'd'] }));
  });

  it.each([
    [() => enterJoint(enterJoint(ABC, [], false), changes('vd'), false), 'config is already joint'],
    [() => enterJoint(configuration([]), changes('va'), false), "can't make a zero-voter config joint"],
    [() => enterJoint(ABC, changes('ra rb rc'), false), 'removed all voters'],
    [() => leaveJoint(ABC), "can't leave a non-joint config"],
  ])('is refused where it is not possible: %#', (attempt, reason) => {
    expect(attempt).toThrow(reason);
  });
});

describe('a proposed change', () => {
  it('goes the simple way where one thing changes, and through a joint configuration otherwise', () => {
    expect(nextConfiguration(ABC, change('vd')).votersOutgoing).toEqual([]);
    expect(nextConfiguration(ABC, change('vd ve'))).toMatchObject({ votersOutgoing: ['a', 'b', 'c'], autoLeave: true });
    expect(nextConfiguration(ABC, change('vd', 'joint-implicit'))).toMatchObject({ autoLeave: true });
    expect(nextConfiguration(ABC, change('vd', 'joint-explicit'))).toMatchObject({
      votersOutgoing: ['a', 'b', 'c'],
      autoLeave: false,
    });
  });

  it('leaves the joint configuration when it is empty', () => {
    const joint = nextConfiguration(ABC, change('ra vd', 'joint-explicit'));
    expect(nextConfiguration(joint, change(''))).toEqual(configuration(['b', 'c', 'd']));
  });
});

const IDS = ['a', 'b', 'c', 'd', 'e'];
const anyChange = fc.record({
  transition: fc.constantFrom('auto' as const, 'joint-implicit' as const, 'joint-explicit' as const),
  changes: fc.array(
    fc.record({
      type: fc.constantFrom('add-voter' as const, 'add-learner' as const, 'remove' as const),
      node: fc.constantFrom(...IDS),
    }),
    { maxLength: 4 },
  ),
  context: fc.constant(new Uint8Array()),
});

/** Undefined where the change isn't possible. */
function attempt(from: Configuration, by: ConfigChange): Configuration | undefined {
  try {
    return nextConfiguration(from, by);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigChangeError);
    return undefined;
  }
}

/** Every set of nodes that decides. */
function quorums({ voters, votersOutgoing }: Configuration): ReadonlySet<PeerId>[] {
  const isMajority = (set: ReadonlySet<PeerId>, of: readonly PeerId[]) =>
    of.length === 0 || of.filter((id) => set.has(id)).length * 2 > of.length;
  const sets = Array.from({ length: 2 ** IDS.length }, (_, bits) => new Set(IDS.filter((__, at) => (bits >> at) & 1)));
  return sets.filter((set) => isMajority(set, voters) && isMajority(set, votersOutgoing));
}

describe('any row of changes', () => {
  it('keeps what holds of every configuration, and two that follow each other never decide apart', () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 12 }), (row) => {
        let current = ABC;
        for (const by of row) {
          const next = attempt(current, by);
          if (next === undefined) continue;
          checkInvariants(next);
          for (const one of quorums(current)) {
            for (const other of quorums(next)) expect([...one].some((id) => other.has(id))).toBe(true);
          }
          current = next;
        }
      }),
      { numRuns: 60 },
    );
  });
});
