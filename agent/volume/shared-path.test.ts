import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isSharedPath, isSharedType } from './shared-path.ts';

describe('what hosts share', () => {
  it.each([
    [0x6969, true],
    [0xff534d42, true],
    [0xff534d42 | 0, true],
    [0xef53, false],
    [0x01021994, false],
    [0x794c7630, false],
  ])('is told by the type of file system %i: %s', (type, shared) => {
    expect(isSharedType(type)).toBe(shared);
  });

  it('is not what is only here, or nowhere yet', () => {
    expect(isSharedPath('/proc')).toBe(false);
    expect(isSharedPath(join(tmpdir(), 'not', 'there'))).toBe(false);
  });
});
