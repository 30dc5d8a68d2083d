/**
 * A path of a container, found as its processes find it, though they may exchange anything on the way meanwhile: each
 * directory is opened as what it is, and the next name looked up below its descriptor.
 */
import { closeSync, lstatSync, openSync, readlinkSync, type Stats } from 'node:fs';
import { GantryError } from '../../../proto/errors.ts';
import { hasCode } from '../../image/layer/entry-error.ts';
import { DIRECTORY_FLAGS, openedPath } from '../../image/layer/tree-entry.ts';

/** As the kernel's own limit (path_resolution(7)). */
const MAX_LINKS = 40;

export interface FoundPath {
  /** Without links, but for the last name. */
  readonly path: string;
  readonly stats: Stats;
  /** Where it can be opened as long as the path isn't closed. */
  readonly at: string;
  close(): void;
}

/**
 * `root` is a descriptor, and stays open. A link at the end is only followed when the path ends with a slash or a dot.
 * Throws NOT_FOUND; the caller closes what is returned.
 */
export function openPath(root: number, path: string): FoundPath {
  const walk = new Walk(root, path, /(?:^|\/)\.{0,2}$/.test(path) ? 'directory' : 'keep');
  try {
    return walk.run();
  } catch (error) {
    walk.close();
    throw error;
  }
}

/** Where the link at the path leads in the end; of what isn't there, as far as it can be said. */
export function linkTarget(root: number, path: string): string {
  const walk = new Walk(root, path, 'follow');
  try {
    return walk.run().path;
  } catch (error) {
    if (!(error instanceof GantryError) || error.code !== 'NOT_FOUND') throw error;
    return walk.reached();
  } finally {
    walk.close();
  }
}

/** What is done with a link at the end; `directory`: it is followed, and must lead to one. */
type AtEnd = 'keep' | 'follow' | 'directory';

interface Opened {
  readonly name: string;
  readonly fd: number;
}

class Walk {
  readonly #root: number;
  readonly #path: string;
  /** Names yet to be looked up, the next one last. */
  readonly #pending: string[];
  readonly #directories: Opened[] = [];
  readonly #atEnd: AtEnd;
  /** The last name that was looked up. */
  #name = '';
  #links = 0;

  constructor(root: number, path: string, atEnd: AtEnd) {
    this.#root = root;
    this.#path = path;
    this.#atEnd = atEnd;
    this.#pending = namesOf(path);
  }

  run(): FoundPath {
    for (let name = this.#pending.pop(); name !== undefined; name = this.#pending.pop()) {
      this.#name = name;
      if (name === '..') this.#leave();
      else {
        const found = this.#lookUp(name);
        if (found !== undefined) return found;
      }
    }
    const at = `${openedPath(this.#current())}/.`;
    return { path: this.#pathTo(''), stats: lstatSync(at), at, close: () => this.close() };
  }

  /** The path that a failed run came to, with what was still to come. */
  reached(): string {
    const rest = [this.#name, ...this.#pending.toReversed()].filter((name) => name !== '..');
    return this.#pathTo(rest.join('/'));
  }

  close(): void {
    for (const { fd } of this.#directories.splice(0)) closeSync(fd);
  }

  #current(): number {
    return this.#directories.at(-1)?.fd ?? this.#root;
  }

  #pathTo(name: string): string {
    return `/${[...this.#directories.map((directory) => directory.name), ...(name === '' ? [] : [name])].join('/')}`;
  }

  /** Undefined: the way goes on. */
  #lookUp(name: string): FoundPath | undefined {
    const at = `${openedPath(this.#current())}/${name}`;
    const stats = lstatSync(at, { throwIfNoEntry: false });
    if (stats === undefined) throw this.#missing();
    const isLast = this.#pending.length === 0;
    if (stats.isSymbolicLink() && !(isLast && this.#atEnd === 'keep')) this.#follow(readlinkSync(at));
    else if (stats.isDirectory()) this.#directories.push({ name, fd: this.#enter(at) });
    else if (!isLast) throw this.#missing();
    else if (this.#atEnd === 'directory') throw new GantryError('INVALID_ARGUMENT', `${this.#path} is not a directory`);
    else return { path: this.#pathTo(name), stats, at, close: () => this.close() };
    return undefined;
  }

  #enter(at: string): number {
    try {
      return openSync(at, DIRECTORY_FLAGS);
    } catch (error) {
      // Gone, or something else by now.
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].some((code) => hasCode(error, code))) throw this.#missing();
      throw error;
    }
  }

  #leave(): void {
    const left = this.#directories.pop();
    if (left !== undefined) closeSync(left.fd);
  }

  #follow(link: string): void {
    this.#links += 1;
    if (this.#links > MAX_LINKS) throw new GantryError('INVALID_ARGUMENT', `too many symbolic links in ${this.#path}`);
    if (link.startsWith('/')) this.close();
    this.#pending.push(...namesOf(link));
  }

  #missing(): GantryError {
    return new GantryError('NOT_FOUND', `Could not find the file ${this.#path}`);
  }
}

function namesOf(path: string): string[] {
  return path
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .reverse();
}
