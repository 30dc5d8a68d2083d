import { describe, expect, it } from 'vitest';
import { isLinearizable, type Operation } from './linearizability.ts';

/** "w1 0-5", "r1 3-7", "w2 4-?": what, from when to when. */
function history(...lines: readonly string[]): Operation[] {
  return lines.map((line) => {
    const [what = '', span = ''] = line.split(' ');
    const [from = '', to = ''] = span.split('-');
    const value = what.slice(1);
    return {
      kind: what.startsWith('w') ? 'write' : 'read',
      value: value === '' ? undefined : value,
      invokedMs: Number(from),
      returnedMs: to === '?' ? undefined : Number(to),
    };
  });
}

describe('isLinearizable', () => {
  it.each([
    ['nothing at all', []],
    ['one after the other', ['r 0-1', 'w1 2-3', 'r1 4-5', 'w2 6-7', 'r2 8-9']],
    ['a read beside a write, before it', ['w1 0-10', 'r 2-3', 'r1 4-5']],
    ['two writes at once, in either order', ['w1 0-10', 'w2 0-10', 'r1 11-12']],
    ['a write of unknown end that happened', ['w1 0-1', 'w2 2-?', 'r1 3-4', 'r2 5-6']],
    ['a write of unknown end that never happened', ['w1 0-1', 'w2 2-?', 'r1 3-4', 'r1 50-60']],
    ['a read of unknown end', ['w1 0-1', 'r9 2-?']],
  ])('accepts %s', (_what, lines) => {
    expect(isLinearizable(history(...lines))).toBe(true);
  });

  it.each([
    ['a stale read', ['w1 0-1', 'w2 2-3', 'r1 4-5']],
    ['a lost write', ['w1 0-1', 'r 2-3']],
    ['a value that nobody wrote', ['w1 0-1', 'r2 2-3']],
    ['a value that comes and goes', ['w1 0-1', 'w2 2-?', 'r2 3-4', 'r1 5-6']],
    ['reads that disagree on the order of two writes', ['w1 0-10', 'w2 0-10', 'r1 11-12', 'r2 13-14']],
  ])('finds %s', (_what, lines) => {
    expect(isLinearizable(history(...lines))).toBe(false);
  });

  it('copes with a long history', () => {
    const lines = Array.from({ length: 300 }, (_, number) => [
      `w${number} ${number * 10}-${number * 10 + 15}`,
      `r${number} ${number * 10 + 16}-${number * 10 + 17}`,
    ]);
    expect(isLinearizable(history(...lines.flat().slice(0, -1)))).toBeTypeOf('boolean');
  });
});
