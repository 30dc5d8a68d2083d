/** Everything about a directory tree that writing to it would change, for tests that must find it as it was. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { native } from '../../../native/addon/native.ts';

/** One line for each file, sorted by path: type, owner, times, links, extended attributes, content. */
export function treeState(root: string): string[] {
  const lines: string[] = [];
  const visit = (path: string) => {
    const absolute = path === '' ? root : join(root, path);
    const stats = lstatSync(absolute);
    lines.push(JSON.stringify([path, ...attributes(stats), content(absolute, stats), xattrs(absolute)]));
    if (stats.isDirectory()) for (const name of readdirSync(absolute).sort()) visit(join(path, name));
  };
  visit('');
  return lines;
}

function attributes({ mode, uid, gid, size, mtimeMs, nlink, rdev, ino }: Stats): readonly number[] {
  return [mode, uid, gid, size, mtimeMs, nlink, rdev, ino];
}

function content(path: string, stats: Stats): string {
  if (stats.isSymbolicLink()) return readlinkSync(path);
  return stats.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
}

function xattrs(path: string): readonly (readonly [string, string])[] {
  return native.listXattr(path).map((name) => [name, native.getXattr(path, name)?.toString('hex') ?? '']);
}
