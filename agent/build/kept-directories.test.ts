import { describe, expect, it } from 'vitest';
import { excessOf } from './kept-directories.ts';

const use = (usedAtMs: number, sizeBytes: number) => ({ sizeBytes, usedAtMs, createdAtMs: 0, uses: 1 });
const KNOWN = new Map([
  ['old', use(1, 10)],
  ['new', use(3, 10)],
  ['middle', use(2, 10)],
]);

describe('what is beyond the limits', () => {
  it.each([
    [30, 3, []],
    [29, 3, ['old']],
    [30, 1, ['middle', 'old']],
    [5, 3, ['new', 'middle', 'old']],
  ])('of %d bytes and %d directories is what was used longest ago', (maxBytes, maxCount, names) => {
    expect(excessOf(KNOWN, { maxBytes, maxCount })).toEqual(names);
  });
});
