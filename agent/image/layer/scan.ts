/** What a COPY's sources mean: the files that its patterns match, and a digest of all that would be copied. */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, readSync, type Stats } from 'node:fs';
import { GantryError } from '../../../proto/errors.ts';
import type { Digest } from '../../../proto/ids.ts';
import { finishDigest } from '../content-store.ts';
import { compilePattern, hasWildcard } from '../path-match.ts';
import { compareText } from '../text-order.ts';
import { baseOf, entryPath, joinPath, parentOf } from './entry-path.ts';
import { type Exclusion, exclusionOf } from './exclusion.ts';
import type { LayerNative } from './layer-native.ts';
import { DirectoryTree } from './tree.ts';
import { isOverlayXattr } from './whiteout.ts';

export interface ScanJob {
  readonly kind: 'scan';
  readonly root: string;
  /** Relative to the root, with Go's wildcards. */
  readonly patterns: readonly string[];
  /** Whether owners are copied, and so count. */
  readonly owners: 'keep' | 'ignore';
  /** Whether files go into the destination by their names alone, or with the directories that they were found in. */
  readonly layout: 'names' | 'parents';
  /** Patterns of files that aren't copied, and so don't count. */
  readonly excludes: readonly string[];
}

export interface ScannedSource {
  /** Base name that it was found by, before links were followed; "" for the root. */
  readonly name: string;
  /** Directory below the destination that it goes into; "" for the destination itself. */
  readonly under: string;
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

/**
 * Links lead no further than the root. Throws NOT_FOUND for a name that isn't there; a pattern need not match anything: that is
 * how Dockerfiles copy what may be there.
 */
export function scan(job: ScanJob, native: LayerNative): Scanned {
  const tree = new DirectoryTree(job.root);
  const sources = job.patterns.flatMap((pattern) => {
    const found = expand(tree, pattern, job.layout);
    if (found.length === 0 && !hasWildcard(pattern))
      throw new GantryError('NOT_FOUND', `no file matches ${JSON.stringify(pattern)}`);
    return found;
  });
  const hasher = new TreeHasher(tree, native, job);
  for (const source of sources) hasher.addSource(source);
  return { sources, digest: hasher.finish() };
}

function expand(tree: DirectoryTree, pattern: string, layout: ScanJob['layout']): ScannedSource[] {
  const { above, parts } = splitPattern(pattern, layout);
  let found = [above];
  for (const part of parts) found = [...new Set(found.flatMap((directory) => children(tree, directory, part, layout)))];
  return found.flatMap((path) => {
    const real = locate(tree, path, 0);
    const stats = real === undefined ? undefined : tree.lstat(real);
    if (real === undefined || stats === undefined) return [];
    const type = stats.isDirectory() ? ('directory' as const) : ('other' as const);
    const below = above === '' ? path : path.slice(above.length + 1);
    const parents = type === 'directory' ? below : parentOf(below);
    return [{ name: baseOf(path), path: real, type, under: layout === 'parents' ? parents : '' }];
  });
}

/** With parents, a "/./" says from where on directories are kept; what is before it has no wildcards. */
function splitPattern(pattern: string, layout: ScanJob['layout']): { above: string; parts: string[] } {
  const pivot = layout === 'parents' ? pattern.indexOf('/./') : -1;
  const above = pivot === -1 ? '' : entryPath(pattern.slice(0, pivot));
  if (hasWildcard(above)) {
    throw new GantryError('INVALID_ARGUMENT', `${JSON.stringify(pattern)} has wildcards before "/./"`);
  }
  const parts = entryPath(pivot === -1 ? pattern : pattern.slice(pivot + 3)).split('/');
  return { above, parts: parts.filter((part) => part !== '') };
}

function children(tree: DirectoryTree, directory: string, part: string, layout: ScanJob['layout']): string[] {
  if (!hasWildcard(part)) return [joinPath(directory, part)];
  const real = tree.resolve(directory, NEVER_CREATE);
  if (real === undefined) return [];
  if (part === '**' && layout === 'parents') return [real, ...directoriesBelow(tree, real)];
  const pattern = compilePattern(part);
  const names = tree.names(real).filter((name) => pattern.test(name));
  return names.sort(compareText).map((name) => joinPath(directory, name));
}

/** All of them, at any depth; links to directories are none. */
function directoriesBelow(tree: DirectoryTree, directory: string): string[] {
  const names = tree.names(directory).filter((name) => tree.lstat(joinPath(directory, name))?.isDirectory());
  return names.sort(compareText).flatMap((name) => {
    const path = joinPath(directory, name);
    return [path, ...directoriesBelow(tree, path)];
  });
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
  const target = tree.linkTarget(real);
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
  readonly #excludes: Exclusion;
  readonly #hash: Hash = createHash('sha256');
  readonly #buffer = Buffer.allocUnsafe(READ_BYTES);

  constructor(tree: DirectoryTree, native: LayerNative, job: ScanJob) {
    this.#tree = tree;
    this.#native = native;
    this.#owners = job.owners;
    this.#excludes = exclusionOf(job.excludes);
  }

  addSource({ name, path, under, type }: ScannedSource): void {
    if (type === 'directory') this.#add(joinPath(under, name), path, '');
    else if (!this.#excludes(name)) this.#add(joinPath(under, name), path, name);
  }

  /** `below` is the path in the source directory. */
  #add(name: string, path: string, below: string): void {
    const stats = this.#tree.lstat(path);
    if (stats === undefined) return;
    this.#describe(name, path, stats);
    if (stats.isFile()) this.#data(path);
    if (!stats.isDirectory()) return;
    for (const child of this.#tree.names(path).sort(compareText)) {
      const inner = joinPath(below, child);
      if (!this.#excludes(inner)) this.#add(`${name}/${child}`, joinPath(path, child), inner);
    }
  }

  finish(): Digest {
    return finishDigest(this.#hash);
  }

  /** One JSON line per file, so that no two trees give the same bytes. */
  #describe(name: string, path: string, stats: Stats): void {
    const absolute = this.#tree.absolute(path);
    const owner = this.#owners === 'keep' ? [stats.uid, stats.gid] : [];
    const link = stats.isSymbolicLink() ? this.#tree.linkTarget(path) : '';
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
