import { describe, expect, it } from 'vitest';
import type { Operation } from './linearizability.ts';
import { findings, longestSilenceMs, lostWrites } from './verdict.ts';

const write = (value: string, invokedMs: number, returnedMs?: number): Operation => ({
  ...{ kind: 'write', value, invokedMs },
  returnedMs,
});
const read = (value: string | undefined, invokedMs: number): Operation => ({
  ...{ kind: 'read', value, invokedMs },
  returnedMs: invokedMs + 1,
});
const register = (...history: Operation[]) => ({ nodeId: 'n', label: 'r1', history });

describe('what the histories show', () => {
  it('is nothing when all is well', () => {
    expect(
      findings([register(write('1', 0, 1), write('2', 1, 2), read('2', 9)), register(read(undefined, 3))]),
    ).toEqual([]);
  });

  it('is each write that is lost', () => {
    expect(lostWrites([write('1', 0, 1), write('2', 2, 3), read('1', 9)])).toMatchObject([{ value: '2' }]);
    expect(lostWrites([write('1', 0, 1), read(undefined, 9)])).toMatchObject([{ value: '1' }]);
    expect(findings([register(write('1', 0, 1), read(undefined, 9))])).toHaveLength(2);
  });

  it('is none where another write may have come later', () => {
    expect(lostWrites([write('1', 0), write('2', 2, 3), read('1', 9)])).toEqual([]);
    expect(lostWrites([write('1', 0, 3), write('2', 2, 4), read('1', 9)])).toEqual([]);
  });
});

describe('longestSilenceMs', () => {
  it('is the longest time between acknowledged writes, with begin and end', () => {
    const registers = [register(write('1', 0, 5), write('2', 6, 9), write('3', 10)), register(read('1', 20))];
    expect(longestSilenceMs(registers, 0, 30)).toBe(21);
    expect(longestSilenceMs(registers, 0, 12)).toBe(5);
    expect(longestSilenceMs([], 3, 7)).toBe(4);
  });
});
