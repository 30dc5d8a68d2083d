import { describe, expect, it } from 'vitest';
import { Hook } from './generated/gantry/v1/types.ts';
import { checkHook } from './hook.ts';

describe('a hook', () => {
  it('needs no more than a command', () => {
    expect(() =>
      checkHook('service web', Hook.fromPartial({ argv: ['a'], dir: '/b', env: ['A=', 'B=c=d'] })),
    ).not.toThrow();
  });

  it.each([
    [{}, 'service web: a hook has no command'],
    [{ argv: [''] }, 'service web: a hook has no command'],
    [{ argv: ['a'], dir: 'b' }, 'service web: a hook has the working directory "b"'],
    [{ argv: ['a'], env: ['A'] }, 'service web: a hook has "A" in its environment'],
    [{ argv: ['a'], env: ['=b'] }, 'service web: a hook has "=b" in its environment'],
  ])('%j is refused', (hook, message) => {
    expect(() => checkHook('service web', Hook.fromPartial(hook))).toThrow(message);
  });
});
