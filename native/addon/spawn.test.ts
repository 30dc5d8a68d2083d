import { copyFileSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { until } from '../../test/lab/until.ts';
import { native } from './native.ts';
import { useWorkplace } from './workplace.testing.ts';

const place = useWorkplace();

describe('daemons', () => {
  const run = (script: string) => native.spawnDaemon(['/bin/sh', '-c', script], ['NAME=x y', 'PATH=/bin:/usr/bin'], -1);

  it('gives what one prints until it is ready, and reaps it after its end', async () => {
    const { pid, output } = await run('echo "$NAME at $PWD"; exec sleep 60 >/dev/null');
    expect(output).toBe('x y at /\n');
    // The thread that starts it has all signals blocked.
    expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toContain('SigBlk:\t0000000000000000');
    expect(native.reap(pid)).toBe(false);
    process.kill(pid, 'SIGKILL');
    await until('it to end', () => native.reap(pid));
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(native.reap(pid)).toBe(true);
  });

  it('is executed from a mount that nobody can write through', async () => {
    const shell = join(place.directory, 'sh');
    copyFileSync('/bin/sh', shell);
    const executable = native.openReadOnlyMount(shell);
    try {
      const { pid, output } = await native.spawnDaemon(
        ['name', '-c', 'echo up; exec >/dev/null; read x'],
        [],
        executable,
      );
      expect(output).toBe('up\n');
      await until('it to end', () => native.reap(pid));
      expect(() => openSync(`/proc/self/fd/${executable}`, 'r+')).toThrow('EROFS');
    } finally {
      native.closeFd(executable);
    }
    expect(() => native.openReadOnlyMount('/no/such')).toThrow('ENOENT');
  });

  it('refuses a program that is not there, and no program', async () => {
    await expect(native.spawnDaemon(['/no/such'], [], -1)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(native.spawnDaemon([], [], -1)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
  });
});
