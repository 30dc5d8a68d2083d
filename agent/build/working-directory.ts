/** The directory that WORKDIR names, in the root file system of a step. */
import { lchownSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeDirectoryInRoot, readInRoot } from '../container/root-files.ts';
import { resolveUser } from '../container/spec/user.ts';

/** What is missing of it is made, and is the user's whom the steps behind it run as: as BuildKit has it. Throws INVALID_ARGUMENT. */
export function makeWorkingDirectory(rootfs: string, dir: string, user: string): void {
  const { uid, gid } = resolveUser({
    ...{ user, groups: [] },
    passwd: readInRoot(rootfs, '/etc/passwd'),
    group: readInRoot(rootfs, '/etc/group'),
  });
  const made = makeDirectoryInRoot(rootfs, dir);
  if (made === undefined) return;
  for (let path = made.last; path.length >= made.first.length; path = dirname(path)) lchownSync(path, uid, gid);
}
