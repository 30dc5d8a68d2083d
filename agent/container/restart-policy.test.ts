import { describe, expect, it } from 'vitest';
import { LocalRestart } from '../../proto/generated/gantry/v1/engine.ts';
import { decideRestart, type EndedRun, startsWithHost } from './restart-policy.ts';

const RUN: EndedRun = {
  restart: LocalRestart.ALWAYS,
  maxAttempts: 0,
  stoppedBy: 'nobody',
  exitCode: 1,
  restartCount: 0,
  ranMs: 50,
  lastDelayMs: 0,
};

function decide(change: Partial<EndedRun>) {
  return decideRestart({ ...RUN, ...change });
}

describe('after an exit', () => {
  it('a container without a policy stays', () => {
    expect(decide({ restart: LocalRestart.NO })).toEqual({ kind: 'stay' });
  });

  it('always and unless-stopped start again, whatever the exit code', () => {
    for (const restart of [LocalRestart.ALWAYS, LocalRestart.UNLESS_STOPPED]) {
      expect(decide({ restart, exitCode: 0 })).toEqual({ kind: 'restart', delayMs: 100 });
      expect(decide({ restart, exitCode: 1 })).toEqual({ kind: 'restart', delayMs: 100 });
    }
  });

  it('nobody who was stopped starts again', () => {
    for (const restart of [LocalRestart.ALWAYS, LocalRestart.UNLESS_STOPPED, LocalRestart.ON_FAILURE]) {
      expect(decide({ restart, stoppedBy: 'user' })).toEqual({ kind: 'stay' });
      expect(decide({ restart, stoppedBy: 'system' })).toEqual({ kind: 'stay' });
    }
  });

  it('on-failure starts again after a failure, as often as it may', () => {
    const onFailure = { restart: LocalRestart.ON_FAILURE };
    expect(decide({ ...onFailure, exitCode: 0 }).kind).toBe('stay');
    expect(decide({ ...onFailure, restartCount: 1000 }).kind).toBe('restart');
    expect(decide({ ...onFailure, maxAttempts: 3, restartCount: 2 }).kind).toBe('restart');
    expect(decide({ ...onFailure, maxAttempts: 3, restartCount: 3 }).kind).toBe('stay');
  });

  it('waits twice as long each time, up to a minute', () => {
    let lastDelayMs = 0;
    const delays = Array.from({ length: 12 }, () => {
      const decision = decide({ lastDelayMs });
      lastDelayMs = decision.kind === 'restart' ? decision.delayMs : 0;
      return lastDelayMs;
    });
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]);
  });

  it('begins anew after ten seconds of running', () => {
    expect(decide({ lastDelayMs: 25600, ranMs: 9_999 })).toEqual({ kind: 'restart', delayMs: 51200 });
    expect(decide({ lastDelayMs: 25600, ranMs: 10_000 })).toEqual({ kind: 'restart', delayMs: 100 });
  });
});

describe('when gantryd starts', () => {
  it('what the system stopped comes up again, if its policy says so', () => {
    expect(startsWithHost(LocalRestart.ALWAYS, 'system', false)).toBe(true);
    expect(startsWithHost(LocalRestart.UNLESS_STOPPED, 'system', true)).toBe(true);
    expect(startsWithHost(LocalRestart.ON_FAILURE, 'system', true)).toBe(false);
    expect(startsWithHost(LocalRestart.NO, 'system', true)).toBe(false);
  });

  it('what a user stopped comes up after a boot, if it is to run always', () => {
    expect(startsWithHost(LocalRestart.ALWAYS, 'user', true)).toBe(true);
    expect(startsWithHost(LocalRestart.ALWAYS, 'user', false)).toBe(false);
    expect(startsWithHost(LocalRestart.UNLESS_STOPPED, 'user', true)).toBe(false);
  });

  it('what ended by itself, or never ran, rests', () => {
    expect(startsWithHost(LocalRestart.ALWAYS, 'nobody', true)).toBe(false);
  });
});
