import { describe, expect, it } from 'vitest';
import { nextUpkeepStep, type Standing } from './upkeep-plan.ts';

const WORKER: Standing = {
  isManager: false,
  wantsManager: false,
  isMember: false,
  certificate: { role: 'worker', renewAtMs: 1000 },
};
const MANAGER: Standing = {
  isManager: true,
  wantsManager: true,
  isMember: true,
  certificate: { role: 'manager', renewAtMs: 1000 },
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
      { ...WORKER, wantsManager: true, certificate: { role: 'manager', renewAtMs: 1000 } },
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
