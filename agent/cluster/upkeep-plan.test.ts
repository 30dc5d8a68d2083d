import { describe, expect, it } from 'vitest';
import { nextUpkeepStep, type Standing } from './upkeep-plan.ts';

const REST = { lifeMs: 500, trustedRoots: ['old'], issuer: 'old' } as const;
const as = (role: 'worker' | 'manager') => ({ role, renewAtMs: 1000, ...REST });
const WORKER: Standing = {
  isManager: false,
  wantsManager: false,
  isMember: false,
  certificate: as('worker'),
  authority: undefined,
};
const MANAGER: Standing = {
  isManager: true,
  wantsManager: true,
  isMember: true,
  certificate: as('manager'),
  authority: undefined,
};
const whenDue = { step: 'wait', untilMs: 1000 };
const wait = { step: 'wait', untilMs: Number.POSITIVE_INFINITY };

describe('nextUpkeepStep', () => {
  it.each([
    ['a worker has nothing to do', WORKER, whenDue],
    ['a manager has nothing to do', MANAGER, whenDue],
    ['a manager that has not been taken in yet waits', { ...MANAGER, isMember: false }, whenDue],
    ['promotion begins with the certificate', { ...WORKER, wantsManager: true }, { step: 'renew' }],
    [
      'and goes on with the manager',
      { ...WORKER, wantsManager: true, certificate: as('manager') },
      { step: 'start-manager' },
    ],
    ['demotion waits for the others', { ...MANAGER, wantsManager: false }, wait],
    ['then the manager stops', { ...MANAGER, wantsManager: false, isMember: false }, { step: 'stop-manager' }],
    [
      'and the certificate follows',
      { ...MANAGER, isManager: false, wantsManager: false, isMember: false },
      { step: 'renew' },
    ],
    ['promotion during demotion changes nothing', MANAGER, whenDue],
    [
      'demotion during promotion takes the certificate back',
      { ...MANAGER, isManager: false, wantsManager: false },
      { step: 'renew' },
    ],
    ['a first manager has no certificate yet', { ...MANAGER, certificate: undefined }, wait],
    [
      'stops without one, too',
      { ...MANAGER, certificate: undefined, wantsManager: false, isMember: false },
      { step: 'stop-manager' },
    ],
  ] as const)('%s', (_name, standing, step) => {
    expect(nextUpkeepStep(standing, 999)).toEqual(step);
  });

  it('renews when it is time, but for a manager that is about to stop', () => {
    expect(nextUpkeepStep(WORKER, 1000)).toEqual({ step: 'renew' });
    expect(nextUpkeepStep(MANAGER, 1000)).toEqual({ step: 'renew' });
    expect(nextUpkeepStep({ ...MANAGER, wantsManager: false }, 1000)).toEqual(wait);
  });
});

describe('what the cluster says of its authority', () => {
  const OLD = { roots: ['old'], issuer: 'old', lifeMs: 500 };
  const BOTH = { roots: ['old', 'new'], issuer: 'new', lifeMs: 500 };
  const NEW = { roots: ['new'], issuer: 'new', lifeMs: 500 };
  const step = (standing: Standing, trusted: readonly string[], issuer: string, authority: typeof OLD) => {
    const certificate = standing.certificate && { ...standing.certificate, trustedRoots: trusted, issuer };
    return nextUpkeepStep({ ...standing, certificate, authority }, 999).step;
  };

  it.each([
    ['is as it is', ['old'], 'old', OLD, 'wait'],
    ['comes to be replaced: first the next one is trusted', ['old'], 'old', BOTH, 'trust'],
    ['then a certificate comes from there', ['new', 'old'], 'old', BOTH, 'renew'],
    ['which is all, until the others have one', ['old', 'new'], 'new', BOTH, 'wait'],
    ['is replaced: the old one is trusted no more', ['old', 'new'], 'new', NEW, 'trust'],
    ['is replaced, and all is done', ['new'], 'new', NEW, 'wait'],
    ['is to be yet another one', ['old', 'new'], 'new', { ...BOTH, roots: ['old', 'third'], issuer: 'third' }, 'trust'],
    [
      'is that one: the certificate comes from none that is trusted',
      ['old', 'third'],
      '',
      { ...BOTH, roots: ['old', 'third'], issuer: 'third' },
      'renew',
    ],
    ['stays the old one after all', ['old'], '', OLD, 'renew'],
    ['was replaced while the node was away, which knows neither', ['older'], 'older', NEW, 'trust'],
  ] as const)('%s', (_name, trusted, issuer, authority, expected) => {
    for (const standing of [WORKER, MANAGER]) {
      expect(step(standing, trusted, issuer, { ...authority, roots: [...authority.roots] })).toBe(expected);
    }
  });

  it('is trusted also by a manager that is about to stop, which gets no certificate any more', () => {
    const stopping = { ...MANAGER, wantsManager: false };
    expect(step(stopping, ['old'], 'old', BOTH)).toBe('trust');
    expect(step(stopping, ['old', 'new'], 'old', BOTH)).toBe('wait');
  });

  it('has a certificate renewed that was made for longer than one is valid now, and none for shorter', () => {
    const told = (lifeMs: number) => nextUpkeepStep({ ...WORKER, authority: { ...OLD, lifeMs } }, 999).step;
    const long = { ...WORKER, certificate: { ...as('worker'), lifeMs: 90_000 } };
    expect(nextUpkeepStep({ ...long, authority: { ...OLD, lifeMs: 60_000 } }, 999)).toEqual({ step: 'renew' });
    expect([told(500), told(90_000)]).toEqual(['wait', 'wait']);
  });
});
