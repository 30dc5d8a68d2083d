/** The end of `cp` that is on this host. */
import { lstatSync, readdirSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { PackedFile } from '../archive/pack-files.ts';
import type { CopyDestination } from './copy-paths.ts';

const MAX_LINKS = 40;

/** A link is only followed at the end of `path` if `followsLink`, or if a slash comes behind it. Throws what node:fs does. */
export function localStats(path: string, followsLink: boolean): Stats {
  return followsLink ? statSync(path) : lstatSync(path);
}

/** A file, or a directory with all that is in it, called `name`; links in it stay links. */
export function* localFiles(path: string, name: string, stats: Stats): Generator<PackedFile> {
  const { uid, gid } = stats;
  yield { name, path, stats, uid, gid };
  if (!stats.isDirectory()) return;
  for (const child of readdirSync(path).sort()) {
    const below = `${path}/${child}`;
    yield* localFiles(below, `${name}/${child}`, lstatSync(below));
  }
}

/** Of a link to nothing it is what the link says that isn't there. */
export function localDestination(cwd: string, text: string): CopyDestination {
  const end = /\/\.?$/.exec(text)?.[0] ?? '';
  let path = resolve(cwd, text);
  for (let links = 0; links < MAX_LINKS; links++) {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats !== undefined) return { path: `${path}${end}`, kind: stats.isDirectory() ? 'directory' : 'file' };
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) break;
    path = resolve(dirname(path), readlinkSync(path));
  }
  return { path: `${path}${end}`, kind: 'missing' };
}
