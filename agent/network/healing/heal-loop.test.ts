import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HealLoop } from './heal-loop.ts';

describe('HealLoop', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('looks once for a group of changes, soon after the first', async () => {
    const heal = vi.fn(async () => true);
    const loop = new HealLoop(heal);
    loop.start();
    for (let change = 0; change < 10; change += 1) {
      loop.request();
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(heal).toHaveBeenCalledTimes(0);
    await vi.advanceTimersByTimeAsync(200);
    expect(heal).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(heal).toHaveBeenCalledTimes(1);
    await loop.close();
  });

  it('looks at most twice in a second, however much is changed, and again for what is changed while it looks', async () => {
    const heal = vi.fn(async () => {
      loop.request();
      return true;
    });
    const loop = new HealLoop(heal);
    loop.start();
    loop.request();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(heal.mock.calls.length).toBeGreaterThan(10);
    expect(heal.mock.calls.length).toBeLessThanOrEqual(20);
    await loop.close();
    const { length } = heal.mock.calls;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(heal).toHaveBeenCalledTimes(length);
  });

  it('looks now and then without being told, and sooner after a failure', async () => {
    const heal = vi.fn(async () => false);
    const loop = new HealLoop(heal);
    loop.start();
    await vi.advanceTimersByTimeAsync(29_000);
    expect(heal).toHaveBeenCalledTimes(0);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(heal).toHaveBeenCalledTimes(1);
    heal.mockResolvedValue(true);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(heal).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(heal).toHaveBeenCalledTimes(2);
    await loop.close();
  });
});
