/** What `system stop` takes away beyond what each part takes down itself: mounts, cgroups, and all of EXEC_ROOT. */
import { type Dirent, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Native } from '../../native/addon/native.ts';
import { CGROUP_PARENT } from '../../proto/cgroup-parent.ts';
import { isContainerId } from '../../proto/ids.ts';
import { parseMountPoints } from '../image/mounts.ts';
import { LOCK_FILE } from './root-locks.ts';

const CGROUP_ROOT = '/sys/fs/cgroup';

/** Mounts of volumes, secrets and snapshots below the roots, the innermost first; not one that a root itself is on. */
export async function unmountBelow(roots: readonly string[], native: Pick<Native, 'unmount'>): Promise<void> {
  for (const path of mountsBelow(readFileSync('/proc/self/mountinfo', 'utf8'), roots)) await native.unmount(path, 0);
}

/** Pure: the mount points in mountinfo's text that lie below one of the roots, last mounted first. */
export function mountsBelow(mountinfo: string, roots: readonly string[]): string[] {
  const points = parseMountPoints(mountinfo).filter((point) => roots.some((root) => point.startsWith(`${root}/`)));
  return points.reverse();
}

/**
 * Gantry's own directory in each hierarchy with what is empty in it, parents that containers asked for. Containers' own cgroups
 * have gone with them: an empty one is that of a container which another gantryd of this machine is about to start.
 */
export function removeCgroupParents(): void {
  const hierarchies = readdirSync(CGROUP_ROOT, { withFileTypes: true }).filter((item) => item.isDirectory());
  for (const directory of [CGROUP_ROOT, ...hierarchies.map(({ name }) => join(CGROUP_ROOT, name))]) {
    removeEmptyTree(join(directory, CGROUP_PARENT));
  }
}

function removeEmptyTree(directory: string): void {
  const parents = subdirectories(directory).filter(({ name }) => !isContainerId(name));
  for (const { name } of parents) removeEmptyTree(join(directory, name));
  removeIfEmpty(directory);
}

function subdirectories(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).filter((item) => item.isDirectory());
  } catch (error) {
    // Another gantryd of this machine may be removing it, too.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    // A cgroup with groups or processes in it is EBUSY; without the controller there is no directory.
    if (code !== 'ENOENT' && code !== 'EBUSY' && code !== 'ENOTEMPTY') throw error;
  }
}

/** Last of all: from here on there is no socket, no lock and no pid file. The directory goes, too, if it can. */
export function removeExecRoot(execRoot: string): void {
  const names = readdirSync(execRoot).filter((name) => name !== LOCK_FILE);
  // The lock goes last: with it another gantryd may move in.
  for (const name of [...names, LOCK_FILE]) rmSync(join(execRoot, name), { recursive: true, force: true });
  try {
    rmdirSync(execRoot);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    // A mount point, or in use by somebody else: empty is all that was promised.
    if (code !== 'EBUSY' && code !== 'ENOTEMPTY') throw error;
  }
}
