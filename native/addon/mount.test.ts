import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { native } from './native.ts';
import { isRoot, useWorkplace } from './workplace.testing.ts';

const place = useWorkplace();

describe.skipIf(!isRoot)('mounts', () => {
  it('mounts and unmounts a tmpfs', async () => {
    const target = place.make('tmpfs');
    await native.mount('tmpfs', target, 'tmpfs', 0, 'size=64k,mode=0711');
    expect(statSync(target).mode & 0o777).toBe(0o711);
    await native.unmount(target, 0);
    expect(statSync(target).mode & 0o777).not.toBe(0o711);
  });

  it('rejects like Node does', async () => {
    const target = join(place.directory, 'missing');
    await expect(native.mount('tmpfs', target, 'tmpfs', 0, '')).rejects.toMatchObject({
      code: 'ENOENT',
      errno: -2,
      syscall: 'mount',
      message: `ENOENT: No such file or directory, mount '${target}'`,
    });
    await expect(native.unmount(`${place.directory}\0/etc`, 0)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });
});
