import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
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

  it('mounts what is in another mount namespace, and stays in its own', async () => {
    const [there, here] = [place.make('there'), place.make('here')];
    const script = 'mount -t tmpfs other "$0"; echo hello >"$0/file"; echo ready; exec sleep 1000';
    const other = spawn('unshare', ['-m', 'sh', '-c', script, there], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(other.stdout, 'data');
      await native.mountFrom(`/proc/${other.pid}/ns/mnt`, there, here);
      place.mounts.push(here);
      expect(readFileSync(join(here, 'file'), 'utf8')).toBe('hello\n');
      expect(readdirSync(there)).toEqual([]);
      const nowhere = native.mountFrom(`/proc/${other.pid}/ns/mnt`, join(there, 'none'), here);
      await expect(nowhere).rejects.toMatchObject({ code: 'ENOENT', syscall: 'open_tree' });
    } finally {
      other.kill('SIGKILL');
    }
  });
});
