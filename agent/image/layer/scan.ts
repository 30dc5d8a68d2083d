/** What a COPY's sources mean: the files that its patterns match, and a digest of all that would be copied. */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readlinkSync, readSync, type Stats } from 'node:fs';
import { GantryError } from '../../../proto/errors.ts';
import type { Digest } from '../../../proto/ids.ts';
import { finishDigest } from '../content-store.ts';
import { compilePattern, hasWildcard } from '../path-match.ts';
import { compareText } from '../text-order.ts';
import type { LayerNative } from './applier.ts';
import { baseOf, entryPath, joinPath, parentOf } from './entry-path.ts';
import { DirectoryTree } from './tree.ts';
import { isOverlayXattr } from './whiteout.ts';

export interface ScanJob {
  readonly kind: 'scan';
  readonly root: string;
  /** Relative to the root, with Go's wildcards. */
  readonly patterns: readonly string[];
  /** Whether owners are copied, and so count. */
  readonly owners: 'keep' | 'ignore';
}

export interface ScannedSource {
  /** Base name that it was found by, before links were followed; "" for the root. */
  readonly name: string;
  /** Relative to the root, free of links. */
  readonly path: string;
  readonly type: 'directory' | 'other';
}

export interface Scanned {
  readonly sources: readonly ScannedSource[];
  /** Of names, types, modes, owners, xattrs and data; not of times. */
  readonly digest: Digest;
}

const READ_BYTES = 1 << 20;
const MAX_LINKS = 40;
const NEVER_CREATE = { create: () => false };

/** Links lead no further than the root. Throws NOT_FOUND for a pattern without a match. */
export function scan(job: ScanJob, native: LayerNative): Scanned {
  const tree = new DirectoryTree(job.root);
  const sources = job.patterns.flatMap((pattern) => {
    const found = expand(tree, pattern);
    if (found.length === 0) throw new GantryError('NOT_FOUND', `no file matches ${JSON.stringify(pattern)}`);
    return found;
  });
  const hasher = new TreeHasher(tree, native, job.owners);
  for (const source of sources) hasher.add(source.name, source.path);
  return { sources, digest: hasher.finish() };
}

function expand(tree: DirectoryTree, pattern: string): ScannedSource[] {
  const parts = entryPath(pattern)
    .split('/')
    .filter((part) => part !== '');
  let found = [''];
  for (const part of parts) found = found.flatMap((directory) => children(tree, directory, part));
  return found.flatMap((path) => {
    const real = locate(tree, path, 0);
    const stats = real === undefined ? undefined : tree.lstat(real);
    if (real === undefined || stats === undefined) return [];
    return [
      { name: baseOf(path), path: real, type: stats.isDirectory() ? ('directory' as const) : ('other' as const) },
    ];
  });
}

function children(tree: DirectoryTree, directory: string, part: string): string[] {
  if (!hasWildcard(part)) return [joinPath(directory, part)];
  const real = tree.resolve(directory, NEVER_CREATE);
  if (real === undefined) return [];
  const pattern = compilePattern(part);
  const names = readdirSync(tree.absolute(real)).filter((name) => pattern.test(name));
  return names.sort(compareText).map((name) => joinPath(directory, name));
}

/** The path with links followed, also the last one; undefined if nothing is there. */
function locate(tree: DirectoryTree, path: string, links: number): string | undefined {
  if (path === '') return '';
  const parent = tree.resolve(parentOf(path), NEVER_CREATE);
  if (parent === undefined) return undefined;
  const real = joinPath(parent, baseOf(path));
  const stats = tree.lstat(real);
  if (!stats?.isSymbolicLink()) return stats === undefined ? undefined : real;
  if (links === MAX_LINKS) throw new GantryError('INVALID_ARGUMENT', `too many symbolic links at ${path}`);
  const target = readlinkSync(tree.absolute(real));
  return locate(tree, clamp(target.startsWith('/') ? target : `${parent}/${target}`), links + 1);
}

/** As in a root directory: ".." at the top stays there. */
function clamp(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

class TreeHasher {
  readonly #tree: DirectoryTree;
  readonly #native: LayerNative;
  readonly #owners: 'keep' | 'ignore';
  readonly #hash: Hash = createHash('sha256');
  readonly #buffer = Buffer.allocUnsafe(READ_BYTES);

  constructor(tree: DirectoryTree, native: LayerNative, owners: 'keep' | 'ignore') {
    this.#tree = tree;
    this.#native = native;
    this.#owners = owners;
  }

  add(name: string, path: string): void {
    const stats = this.#tree.lstat(path);
    if (stats === undefined) return;
    this.#describe(name, path, stats);
    if (stats.isFile()) this.#data(path);
    if (!stats.isDirectory()) return;
    for (const child of readdirSync(this.#tree.absolute(path)).sort(compareText))
      this.add(`${name}/${child}`, joinPath(path, child));
  }

  finish(): Digest {
    return finishDigest(this.#hash);
  }

  /** One JSON line per file, so that no two trees give the same bytes. */
  #describe(name: string, path: string, stats: Stats): void {
    const absolute = this.#tree.absolute(path);
    const owner = this.#owners === 'keep' ? [stats.uid, stats.gid] : [];
    const link = stats.isSymbolicLink() ? readlinkSync(absolute) : '';
    const size = stats.isFile() ? stats.size : 0;
    const names = this.#native.listXattr(absolute).filter((xattr) => !isOverlayXattr(xattr));
    const xattrs = names
      .sort(compareText)
      .map((xattr) => [xattr, this.#native.getXattr(absolute, xattr)?.toString('base64')]);
    this.#hash.update(`${JSON.stringify([name, stats.mode, owner, link, size, stats.rdev, xattrs])}\n`);
  }

  #data(path: string): void {
    const fd = openSync(this.#tree.absolute(path), 'r');
    try {
      for (let read = readSync(fd, this.#buffer); read > 0; read = readSync(fd, this.#buffer)) {
        this.#hash.update(this.#buffer.subarray(0, read));
      }
    } finally {
      closeSync(fd);
    }
  }
}
