/** The mounts of this process's mount namespace. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Native } from '../../native/addon/native.ts';

const MNT_DETACH = 2;

/** Whether another file system is mounted on the directory than its parent lies on. */
export function hasOwnFileSystem(directory: string): boolean {
  return statSync(directory).dev !== statSync(dirname(directory)).dev;
}

/**
 * Takes all mounts off the path; one that isn't there has none. Detached: a process that still has its directory there
 * must not make a container unremovable. Asks the kernel only: its list of mounts grows with the containers.
 */
export async function unmountAll(native: Pick<Native, 'unmount'>, path: string): Promise<void> {
  try {
    for (;;) await native.unmount(path, MNT_DETACH);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    // EINVAL: no mount (any more). Source: umount2(2).
    if (code !== 'EINVAL' && code !== 'ENOENT') throw error;
  }
}

/** Of /proc/PID/mountinfo (proc_pid_mountinfo(5)): the fifth field of each line, with the octal escapes of space, tab, newline and backslash undone. Pure. */
export function parseMountPoints(mountinfo: string): string[] {
  return mountinfo
    .split('\n')
    .filter((line) => line !== '')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    );
}
