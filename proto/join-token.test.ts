import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { TestAuthority } from './identity.testing.ts';
import { checkTokenForm, isSameToken, isTokenOf, newJoinToken } from './join-token.ts';

let ca: TestAuthority;
beforeAll(async () => {
  ca = await TestAuthority.create();
});

describe('a join token', () => {
  it.each([
    ['least', (size: number) => Buffer.alloc(size)],
    ['greatest', (size: number) => Buffer.alloc(size, 255)],
    ['random', randomBytes],
  ])('has its form with the %s secret, and is of its CA alone', async (_name, random) => {
    const token = newJoinToken(ca.caPem, random);
    checkTokenForm(token);
    expect(isTokenOf(token, ca.caPem)).toBe(true);
    expect(isTokenOf(token, `${ca.caPem}\n`)).toBe(true);
    expect(isTokenOf(token, (await TestAuthority.create()).caPem)).toBe(false);
  });

  it('is the same as itself only', () => {
    const token = newJoinToken(ca.caPem, randomBytes);
    expect(isSameToken(token, token)).toBe(true);
    expect(isSameToken(newJoinToken(ca.caPem, randomBytes), token)).toBe(false);
    expect(isSameToken('', token)).toBe(false);
  });

  it.each(['', 'GNTKN-1', 'SWMTKN-1-49nj1cmql0jkz5s954yi3oex3nedyz0fb0xx14ie39trti4wxv-8vxv8rssmk743ojnwacrr2e7c'])(
    'is not %j',
    (text) => {
      expect(() => checkTokenForm(text)).toThrow(/not a join token/);
    },
  );

  it('is not repeated when it is refused', () => {
    const cut = newJoinToken(ca.caPem, randomBytes).slice(0, -1);
    expect(() => checkTokenForm(cut)).toThrow(expect.not.objectContaining({ message: expect.stringContaining(cut) }));
  });
});
