/** The mounts of this process's mount namespace, from /proc/self/mountinfo (proc_pid_mountinfo(5)). */
import { readFile } from 'node:fs/promises';

/** Number of mounts on exactly this path, which holds no symbolic links. */
export async function countMounts(path: string): Promise<number> {
  return parseMountPoints(await readFile('/proc/self/mountinfo', 'utf8')).filter((point) => point === path).length;
}

/** The fifth field of each line, with the octal escapes of space, tab, newline and backslash undone. Pure. */
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
