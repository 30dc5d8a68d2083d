import { describe, expect, it } from 'vitest';
import { parseDeviceRule } from './device-rule.ts';

describe('a device rule', () => {
  it.each([
    ['c 10:229 rwm', { type: 'c', major: 10, minor: 229, access: 'rwm' }],
    ['b 8:* r', { type: 'b', major: 8, minor: undefined, access: 'r' }],
    ['c *:* m', { type: 'c', major: undefined, minor: undefined, access: 'm' }],
    ['a *:* mrw', { type: 'a', major: undefined, minor: undefined, access: 'mrw' }],
  ])('is read: %s', (text, rule) => {
    expect(parseDeviceRule(text)).toEqual(rule);
  });

  it.each(['', 'c', 'd 1:1 r', 'c 1 r', 'c 1:1 x', 'c 1:1 rwmm', 'c 1:1  r', 'c -1:1 r', 'a 1:3 rwm', 'a *:* r'])(
    'is refused: "%s"',
    (text) => {
      expect(parseDeviceRule(text)).toBeUndefined();
    },
  );
});
