/**
 * Directories below a root, found as a process chrooted there would find them: symbolic links are resolved within
 * the root, and ".." stops at it. Nobody else may change the tree meanwhile; that is what makes it safe to look at
 * a path's components one by one, and to remember those seen.
 */
import { lstatSync, mkdirSync, rmSync, type Stats } from 'node:fs';
import { GantryError } from '../../../proto/errors.ts';
import { filePath, linkTarget, namesIn } from '../../files/file-names.ts';
import { joinPath, parentOf } from './entry-path.ts';

/** As the kernel's own limit (path_resolution(7)). */
const MAX_LINKS = 40;

/** What to do with a component that is missing, or that is no directory: make one, or tell the caller. */
export interface MissingDirectory {
  create(path: string, found: Stats | undefined): boolean;
}

export class DirectoryTree {
  readonly #root: string;
  /** Paths all of whose components are real directories. */
  readonly #known = new Set<string>(['']);

  constructor(root: string) {
    this.#root = root;
  }

  /** As node:fs takes it. */
  absolute(path: string): string | Buffer {
    return filePath(this.#place(path));
  }

  /** What is in the directory. */
  names(path: string): string[] {
    return namesIn(this.#place(path));
  }

  /** What the symbolic link leads to. */
  linkTarget(path: string): string {
    return linkTarget(this.#place(path));
  }

  #place(path: string): string {
    return path === '' ? this.#root : `${this.#root}/${path}`;
  }

  lstat(path: string): Stats | undefined {
    return lstatSync(this.absolute(path), { throwIfNoEntry: false });
  }

  /**
   * The real path of a directory, no component of which is a link. What is missing is made through `missing`;
   * undefined when it declines.
   */
  resolve(path: string, missing: MissingDirectory): string | undefined {
    if (this.#known.has(path)) return path;
    const pending = path.split('/').reverse();
    let current = '';
    let links = 0;
    for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
      if (part === '' || part === '.') continue;
      if (part === '..') {
        current = parentOf(current);
        continue;
      }
      const next = joinPath(current, part);
      const target = this.#linkTarget(next);
      if (target === undefined) {
        if (!this.#enter(next, missing)) return undefined;
        current = next;
        continue;
      }
      if (++links > MAX_LINKS) throw new GantryError('INVALID_ARGUMENT', `too many symbolic links in the path ${path}`);
      if (target.startsWith('/')) current = '';
      pending.push(...target.split('/').reverse());
    }
    return current;
  }

  /** A directory that the caller has just made, or found to be one. */
  remember(path: string): void {
    this.#known.add(path);
  }

  isKnown(path: string): boolean {
    return this.#known.has(path);
  }

  /** Removes whatever lies there. */
  remove(path: string): void {
    rmSync(this.absolute(path), { recursive: true, force: true });
    if (!this.#known.has(path)) return;
    for (const known of this.#known) if (known === path || known.startsWith(`${path}/`)) this.#known.delete(known);
  }

  makeDirectory(path: string, mode: number): void {
    mkdirSync(this.absolute(path), { mode });
    this.#known.add(path);
  }

  #linkTarget(path: string): string | undefined {
    if (this.#known.has(path)) return undefined;
    return this.lstat(path)?.isSymbolicLink() ? this.linkTarget(path) : undefined;
  }

  #enter(path: string, missing: MissingDirectory): boolean {
    if (this.#known.has(path)) return true;
    const found = this.lstat(path);
    if (found?.isDirectory()) {
      this.#known.add(path);
      return true;
    }
    return missing.create(path, found);
  }
}
