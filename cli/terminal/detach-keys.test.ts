import { describe, expect, it } from 'vitest';
import { DetachKeys, parseDetachKeys } from './detach-keys.ts';

function feedAll(...chunks: string[]) {
  return feedTo(new DetachKeys(), ...chunks);
}

function feedTo(keys: DetachKeys, ...chunks: string[]) {
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

describe('keys of one’s own', () => {
  it.each([
    ['', [16, 17]],
    ['ctrl-a', [1]],
    ['ctrl-a,d', [1, 100]],
    ['ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_', [0, 27, 28, 29, 30, 31]],
    ['a,b,DEL', [97, 98, 127]],
  ])('are read: %s', (text, keys) => {
    expect(parseDetachKeys(text)).toEqual(keys);
  });

  it.each(['ab', 'ctrl-', 'ctrl-1', 'ctrl-A', 'a,', 'alt-x', 'é'])('are refused: %s', (text) => {
    expect(() => parseDetachKeys(text)).toThrow(`invalid argument "${text}" for --detach-keys`);
  });

  it('are found where their beginning repeats', () => {
    const keys = () => new DetachKeys(parseDetachKeys('a,a,b'));
    expect(feedTo(keys(), 'xa', 'aaby')).toEqual({ forward: 'xa', detached: true });
    expect(feedTo(keys(), 'a', 'c', 'aa')).toEqual({ forward: 'ac', detached: false });
  });
});
