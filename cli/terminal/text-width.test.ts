import { describe, expect, it } from 'vitest';
import { fitWidth, padWidth, printable, textWidth } from './text-width.ts';

describe('width on a terminal', () => {
  it('counts columns, not characters', () => {
    expect(['abc', '日本', 'é', 'e\u0301', '🚀', ''].map(textWidth)).toEqual([3, 4, 1, 1, 2, 0]);
  });

  it('cuts where the columns end, never through a character', () => {
    expect(fitWidth('日本', 3)).toBe('日');
    expect(fitWidth('abc', 2)).toBe('ab');
    expect(fitWidth('abc', -1)).toBe('');
    expect(padWidth('日本', 3)).toBe('日 ');
    expect(padWidth('a', 3)).toBe('a  ');
  });

  it('takes away what would move the cursor or change colours', () => {
    expect(printable('\x1b[1;32mok\x1b[0m\tx\x1b]0;title\x07y\x1b[2Kz\x08')).toBe('ok xyz ');
  });
});
