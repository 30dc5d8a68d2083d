import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { native } from './native.ts';
import { isRoot, useWorkplace } from './workplace.testing.ts';

const place = useWorkplace();

describe.skipIf(!isRoot)('file descriptors', () => {
  it('locks a file for one opener at a time', () => {
    const path = join(place.directory, 'lock');
    const first = openSync(path, 'w');
    const second = openSync(path, 'w');
    expect(native.tryLock(first)).toBe(true);
    expect(native.tryLock(second)).toBe(false);
    closeSync(first);
    expect(native.tryLock(second)).toBe(true);
    native.closeFd(second);
    expect(() => native.closeFd(second)).toThrow(/EBADF/);
  });
});
