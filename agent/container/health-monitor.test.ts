import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HealthStatus } from '../../proto/generated/gantry/v1/engine.ts';
import { HealthMonitor, type ProbeOutcome } from './health-monitor.ts';
import { type HealthState, STARTING } from './health-state.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

const PLAN = { argv: ['check'], intervalMs: 1000, timeoutMs: 100, retries: 2, startPeriodMs: 0, startIntervalMs: 100 };

function monitor(probe: (signal: AbortSignal) => Promise<ProbeOutcome>) {
  const states: HealthState[] = [];
  const result = new HealthMonitor({
    plan: PLAN,
    startedAtMs: 0,
    state: STARTING,
    now: Date.now,
    probe: (_plan, signal) => probe(signal),
    onState: (state) => states.push(state),
  });
  result.start();
  return { monitor: result, states };
}

describe('a health monitor', () => {
  it('probes again and again, and tells what that means', async () => {
    const outcomes = [true, false, false, true];
    const { states } = monitor(async () => ({ healthy: outcomes.shift() ?? true, output: '' }));
    await vi.advanceTimersByTimeAsync(999);
    expect(states).toEqual([]);
    await vi.advanceTimersByTimeAsync(3001);
    const { HEALTHY, UNHEALTHY } = HealthStatus;
    expect(states.map(({ status }) => status)).toEqual([HEALTHY, HEALTHY, UNHEALTHY, HEALTHY]);
  });

  it('counts a check that can’t be run as one that fails', async () => {
    const { states } = monitor(() => Promise.reject(new Error('no such program')));
    await vi.advanceTimersByTimeAsync(1000);
    expect(states).toEqual([{ status: HealthStatus.STARTING, failingStreak: 1, output: 'no such program' }]);
  });

  it('tells nothing after it was stopped, and cuts off what it runs', async () => {
    let seen: AbortSignal | undefined;
    const { states, monitor: stopped } = monitor((signal) => {
      seen = signal;
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve({ healthy: true, output: '' })));
    });
    await vi.advanceTimersByTimeAsync(1000);
    stopped.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(seen?.aborted).toBe(true);
    expect(states).toEqual([]);
  });
});
