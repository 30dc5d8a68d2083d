/** Directories of a layer that its tar has no entry for: they look as those that they hide. */
import { chmodSync, lchownSync, lutimesSync, type Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { filePath } from '../files/file-names.ts';
import { fileTime } from '../files/file-time.ts';

/**
 * A directory that the tar has files in but no entry for keeps the attributes it has in the layers below, topmost first, which
 * its copy here would otherwise hide: /tmp would lose its sticky bit.
 */
export async function inheritAttributes(
  target: string,
  implicit: readonly string[],
  lower: readonly string[],
): Promise<void> {
  for (const path of implicit) {
    const found = await findLowerDirectory(lower, path);
    // What is changed must be the layer's own, and not what a link in it leads to.
    if (found === undefined || !(await findWithin(target, path))?.isDirectory()) continue;
    const absolute = filePath(join(target, path));
    lchownSync(absolute, found.uid, found.gid);
    chmodSync(absolute, found.mode & 0o7777);
    lutimesSync(absolute, fileTime(found.mtimeMs / 1000), fileTime(found.mtimeMs / 1000));
  }
}

/** What overlayfs would show of the path in these layers, topmost first, if that is a directory. */
async function findLowerDirectory(lower: readonly string[], path: string): Promise<Stats | undefined> {
  for (const root of lower) {
    const found = await findWithin(root, path);
    if (found !== undefined) return found.isDirectory() ? found : undefined;
  }
  return undefined;
}

/** What lies at the path, or at the first of its components that is no directory; undefined if one is missing. */
async function findWithin(root: string, path: string): Promise<Stats | undefined> {
  let current = root;
  let stats = await lstat(root);
  for (const part of path === '' ? [] : path.split('/')) {
    // A link isn't followed: it would lead out of the layer.
    if (!stats.isDirectory()) return stats;
    current = join(current, part);
    const next = await lstatIfPresent(current);
    if (next === undefined) return undefined;
    stats = next;
  }
  return stats;
}

async function lstatIfPresent(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(filePath(path));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
