import { describe, expect, it } from 'vitest';
import { RestartCondition } from '../../proto/generated/gantry/v1/types.ts';
import { type EndedTask, localRestartAt, withRestart } from './local-restart.ts';

const ENDED_MS = 10_000_000;

function task(
  changes: Partial<Omit<EndedTask, 'policy'>> & { readonly policy?: Partial<EndedTask['policy'] & {}> } = {},
) {
  const { policy, ...others } = changes;
  return {
    outcome: 'failed' as const,
    endedAtMs: ENDED_MS,
    restartsMs: [],
    aloneSinceMs: ENDED_MS - 60_000,
    ...others,
    policy: { condition: RestartCondition.ANY, delayMs: undefined, maxAttempts: 0, windowMs: 0, ...policy },
  };
}

describe('a task that ends without a manager', () => {
  it('is started again by its policy', () => {
    const { ANY, ON_FAILURE, NONE } = RestartCondition;
    const again = (condition: RestartCondition, outcome: EndedTask['outcome']) =>
      localRestartAt(task({ policy: { condition }, outcome })) !== undefined;
    expect([ANY, ON_FAILURE, NONE].map((condition) => again(condition, 'failed'))).toEqual([true, true, false]);
    expect([ANY, ON_FAILURE, NONE].map((condition) => again(condition, 'complete'))).toEqual([true, false, false]);
    expect(localRestartAt({ ...task(), policy: undefined })).toBe(ENDED_MS + 5000);
  });

  it('waits first for a manager that may only be away for a moment, and as long as its policy says', () => {
    expect(localRestartAt(task())).toBe(ENDED_MS + 5000);
    expect(localRestartAt(task({ aloneSinceMs: ENDED_MS + 3000 }))).toBe(ENDED_MS + 8000);
    expect(localRestartAt(task({ policy: { delayMs: 20_000 } }))).toBe(ENDED_MS + 20_000);
  });

  it('waits ever longer while it ends again and again, and begins anew when it has run for long', () => {
    const restartsMs = [1, 2, 3].map((minutesAgo) => ENDED_MS - minutesAgo * 60_000);
    expect(localRestartAt(task({ restartsMs }))).toBe(ENDED_MS + 40_000);
    expect(localRestartAt(task({ restartsMs: Array.from({ length: 9 }, () => ENDED_MS - 1) }))).toBe(
      ENDED_MS + 300_000,
    );
    expect(localRestartAt(task({ restartsMs: [ENDED_MS - 3_600_000] }))).toBe(ENDED_MS + 5000);
  });

  it('ends when it has had its attempts', () => {
    const restartsMs = [ENDED_MS - 70_000, ENDED_MS - 20_000];
    expect(localRestartAt(task({ restartsMs, policy: { maxAttempts: 2 } }))).toBeUndefined();
    expect(localRestartAt(task({ restartsMs, policy: { maxAttempts: 2, windowMs: 60_000 } }))).toBeDefined();
    expect(localRestartAt(task({ restartsMs, policy: { maxAttempts: 3 } }))).toBeDefined();
  });

  it('is remembered with so many of its restarts', () => {
    let restartsMs: readonly number[] = [];
    for (let nowMs = 1; nowMs <= 150; nowMs += 1) restartsMs = withRestart(restartsMs, nowMs);
    expect(restartsMs).toHaveLength(100);
    expect(restartsMs.at(-1)).toBe(150);
  });
});
