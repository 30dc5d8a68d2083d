import { describe, expect, it } from 'vitest';
import { checkLinkLocal, isLinkLocal } from './link-local.ts';

describe('a link-local address', () => {
  it.each(['169.254.0.1', '169.254.255.9', 'fe80::1', 'fe80::1:2:3:4'])('may be %s', (address) => {
    expect(isLinkLocal(address)).toBe(true);
  });

  it.each(['169.253.0.1', '10.0.0.1', 'fe81::1', 'fe80:0:0:1::1', '::1', '', 'x', '169.254.1'])(
    'is not "%s"',
    (address) => {
      expect(isLinkLocal(address)).toBe(false);
      expect(() => checkLinkLocal([address])).toThrow('is not a link-local address');
    },
  );
});
