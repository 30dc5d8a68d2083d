import { describe, expect, it } from 'vitest';
import { changeMode, parseModeChange } from './mode-change.ts';

const after = (text: string, mode: number, type: 'directory' | 'other' = 'other') =>
  changeMode(parseModeChange(text), mode, type).toString(8);

describe('changes of a mode', () => {
  it.each<[string, number, 'directory' | 'other', string]>([
    ['0755', 0o600, 'other', '755'],
    ['4711', 0o600, 'other', '4711'],
    ['+x', 0o644, 'other', '755'],
    ['u+x,g-r', 0o644, 'other', '704'],
    ['a=r', 0o777, 'other', '444'],
    ['go=', 0o777, 'other', '700'],
    ['u=rwX,go=rX', 0o600, 'other', '644'],
    ['u=rwX,go=rX', 0o700, 'other', '755'],
    ['u=rwX,go=rX', 0o600, 'directory', '755'],
    ['u+s,g+s,+t', 0o755, 'other', '7755'],
    ['u=rw', 0o4755, 'other', '655'],
    ['g=rx', 0o2775, 'directory', '2755'],
    ['u-w+x', 0o644, 'other', '544'],
  ])('%s on %o of a %s', (text, mode, type, expected) => {
    expect(after(text, mode, type)).toBe(expected);
  });

  it.each(['999', '17777', 'rwxr-xr-x', 'u', 'u+q', ''])('refuses %j', (text) => {
    expect(() => parseModeChange(text)).toThrow(/no mode/);
  });
});
