import { describe, expect, it } from 'vitest';
import { DetachKeys } from './detach-keys.ts';

function feedAll(...chunks: string[]) {
  const keys = new DetachKeys();
  const typed = chunks.map((chunk) => keys.feed(Buffer.from(chunk, 'latin1')));
  return {
    forward: Buffer.concat(typed.map(({ forward }) => forward)).toString('latin1'),
    detached: typed.some(({ detached }) => detached),
  };
}

describe('Ctrl-P Ctrl-Q', () => {
  it.each([
    [['abc'], 'abc', false],
    [['ab\x10\x11c'], 'ab', true],
    [['a\x10', '\x11'], 'a', true],
    [['\x10a'], '\x10a', false],
    [['\x10', 'a'], '\x10a', false],
    [['\x10\x10\x11'], '\x10', true],
    [['\x11'], '\x11', false],
    [['\x10'], '', false],
  ])('%j', (chunks, forward, detached) => {
    expect(feedAll(...chunks)).toEqual({ forward, detached });
  });
});
