import { describe, expect, it } from 'vitest';
import { HealthStatus } from '../../proto/generated/gantry/v1/engine.ts';
import { Healthcheck } from '../../proto/generated/gantry/v1/types.ts';
import { afterProbe, type HealthPlan, type HealthState, healthPlan, nextProbeDelay, STARTING } from './health-state.ts';

const PLAN: HealthPlan = {
  argv: ['check'],
  intervalMs: 30_000,
  timeoutMs: 5_000,
  retries: 3,
  startPeriodMs: 10_000,
  startIntervalMs: 500,
};

const check = (fields: Partial<Healthcheck>) => Healthcheck.fromPartial(fields);

/** The states after probes: "+" healthy, "-" not, each a second after the one before, the first at `fromMs`. */
function run(probes: string, fromMs: number, plan = PLAN): HealthState {
  let state = STARTING;
  [...probes].forEach((probe, index) => {
    state = afterProbe(state, plan, { healthy: probe === '+', startedAfterMs: fromMs + index * 1000, output: probe });
  });
  return state;
}

describe('health', () => {
  it('is starting until a probe tells', () => {
    expect(STARTING.status).toBe(HealthStatus.STARTING);
  });

  it('is good after one success, also in the start period', () => {
    expect(run('+', 0)).toEqual({ status: HealthStatus.HEALTHY, failingStreak: 0, output: '+' });
  });

  it('forgives failures in the start period', () => {
    expect(run('---------', 0)).toEqual({ status: HealthStatus.STARTING, failingStreak: 0, output: '-' });
  });

  it('counts failures in the start period once it has been healthy', () => {
    expect(run('+---', 0).status).toBe(HealthStatus.UNHEALTHY);
  });

  it('is bad after as many failures in a row as retries', () => {
    expect(run('--', 10_000)).toMatchObject({ status: HealthStatus.STARTING, failingStreak: 2 });
    expect(run('---', 10_000)).toMatchObject({ status: HealthStatus.UNHEALTHY, failingStreak: 3 });
    expect(run('--+--', 10_000)).toMatchObject({ status: HealthStatus.HEALTHY, failingStreak: 2 });
    expect(run('-----', 10_000)).toMatchObject({ status: HealthStatus.UNHEALTHY, failingStreak: 5 });
  });

  it('recovers with one success', () => {
    expect(run('---+', 10_000)).toMatchObject({ status: HealthStatus.HEALTHY, failingStreak: 0 });
  });

  it('is looked at more often while it starts', () => {
    expect(nextProbeDelay(STARTING, PLAN, 0)).toBe(500);
    expect(nextProbeDelay(STARTING, PLAN, 10_000)).toBe(30_000);
    expect(nextProbeDelay({ ...STARTING, status: HealthStatus.HEALTHY }, PLAN, 0)).toBe(30_000);
  });
});

describe('a healthcheck', () => {
  it('is the image’s unless the container has one', () => {
    const image = check({ test: ['CMD', 'image'], intervalMs: 1000 });
    expect(healthPlan(undefined, image, [])).toMatchObject({
      argv: ['image'],
      intervalMs: 1000,
      timeoutMs: 30_000,
      retries: 3,
    });
    expect(healthPlan(check({ retries: 9 }), image, [])).toMatchObject({
      argv: ['image'],
      intervalMs: 1000,
      retries: 9,
    });
    expect(healthPlan(check({ test: ['CMD', 'own'] }), image, [])).toMatchObject({ argv: ['own'] });
  });

  it('can be turned off', () => {
    expect(healthPlan(check({ test: ['NONE'] }), check({ test: ['CMD', 'image'] }), [])).toBeUndefined();
    expect(healthPlan(undefined, undefined, [])).toBeUndefined();
    expect(healthPlan(undefined, check({ test: ['NONE'] }), [])).toBeUndefined();
  });

  it('runs a script in the image’s shell', () => {
    const script = check({ test: ['CMD-SHELL', 'exit 0'] });
    expect(healthPlan(script, undefined, [])?.argv).toEqual(['/bin/sh', '-c', 'exit 0']);
    expect(healthPlan(script, undefined, ['/bin/bash', '-ec'])?.argv).toEqual(['/bin/bash', '-ec', 'exit 0']);
  });
});
