import { describe, expect, it } from 'vitest';
import { parseNumberList } from './number-list.ts';

describe('a list of CPUs', () => {
  it.each([
    ['0', [0]],
    ['0-2,4', [0, 1, 2, 4]],
    ['3, 1', [3, 1]],
    ['1-1', [1]],
  ])('is read: %s', (text, numbers) => {
    expect(parseNumberList(text)).toEqual(new Set(numbers));
  });

  it.each(['', 'a', '1-', '-1', '2-1', '1,,2', '0-99999', '0-2:1/2'])('is refused: "%s"', (text) => {
    expect(parseNumberList(text)).toBeUndefined();
  });
});
