/** What an overlay's upper directory changes of those below it, as `diff` tells it. */
import { lstatSync, type Stats } from 'node:fs';
import { filePath, namesIn as namesOf } from '../../files/file-names.ts';
import { compareText } from '../text-order.ts';
import type { LayerNative } from './layer-native.ts';
import { isOverlayWhiteout, OPAQUE_XATTR } from './whiteout.ts';

export interface ChangesJob {
  readonly kind: 'changes';
  readonly upper: string;
  /** Topmost first. */
  readonly lower: readonly string[];
  /** Paths that are only there for something to be mounted on: one that is added doesn't count. */
  readonly mountPoints: readonly string[];
}

export interface Change {
  /** Absolute, in the file system. */
  readonly path: string;
  readonly kind: 'added' | 'changed' | 'deleted';
}

export interface Changes {
  /** Directories before what is in them, otherwise by name. */
  readonly changes: readonly Change[];
}

/** The upper directory may change meanwhile: what is gone when it is looked at is left out. */
export function findChanges(job: ChangesJob, native: Pick<LayerNative, 'getXattr'>): Changes {
  return { changes: new Comparison(job, native).below('', job.lower).changes };
}

interface Found {
  readonly changes: readonly Change[];
  /** Something was added to be mounted on, and left out. */
  readonly hasMountPoints: boolean;
}

class Comparison {
  readonly #upper: string;
  readonly #native: Pick<LayerNative, 'getXattr'>;
  readonly #mountPoints: ReadonlySet<string>;

  constructor({ upper, mountPoints }: ChangesJob, native: Pick<LayerNative, 'getXattr'>) {
    this.#upper = upper;
    this.#native = native;
    this.#mountPoints = new Set(mountPoints);
  }

  /** `lower`: the directories that show at this path below the upper one. */
  below(path: string, lower: readonly string[]): Found {
    const changes: Change[] = [];
    let hasMountPoints = false;
    const names = namesIn(`${this.#upper}${path}`);
    const hidden = this.#isOpaque(`${this.#upper}${path}`) ? lower.flatMap((root) => namesIn(`${root}${path}`)) : [];
    for (const name of [...new Set([...names, ...hidden])].sort(compareText)) {
      const found = this.#entry(`${path}/${name}`, lower);
      changes.push(...found.changes);
      hasMountPoints ||= found.hasMountPoints;
    }
    return { changes, hasMountPoints };
  }

  #entry(path: string, lower: readonly string[]): Found {
    const [now, before] = [lstat(`${this.#upper}${path}`), this.#before(path, lower)];
    if (now === undefined || isOverlayWhiteout(now))
      return only(before === undefined ? [] : [{ path, kind: 'deleted' }]);
    const inside = now.isDirectory() ? this.below(path, this.#showing(path, before, lower)) : only([]);
    if (before === undefined) {
      const isForMounts = this.#mountPoints.has(path) || inside.hasMountPoints;
      if (isForMounts && inside.changes.length === 0) return { changes: [], hasMountPoints: true };
      return only([{ path, kind: 'added' }, ...inside.changes]);
    }
    // A directory is copied when something in it changes, and then has a new time, unless that was put back.
    const isSame = now.isDirectory() && before.isDirectory() && isSameDirectory(now, before, inside);
    return only(isSame ? inside.changes : [{ path, kind: 'changed' }, ...inside.changes]);
  }

  /** What shows at the path without the upper directory. */
  #before(path: string, lower: readonly string[]): Stats | undefined {
    for (const root of lower) {
      const stats = lstat(`${root}${path}`);
      if (stats !== undefined) return isOverlayWhiteout(stats) ? undefined : stats;
    }
    return undefined;
  }

  /** Down to the first that hides those below it. */
  #showing(path: string, before: Stats | undefined, lower: readonly string[]): string[] {
    if (!before?.isDirectory()) return [];
    const showing: string[] = [];
    for (const root of lower) {
      const stats = lstat(`${root}${path}`);
      if (stats === undefined) continue;
      if (!stats.isDirectory()) break;
      showing.push(root);
      if (this.#isOpaque(`${root}${path}`)) break;
    }
    return showing;
  }

  #isOpaque(directory: string): boolean {
    try {
      return this.#native.getXattr(filePath(directory), OPAQUE_XATTR)?.toString() === 'y';
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  }
}

function only(changes: readonly Change[]): Found {
  return { changes, hasMountPoints: false };
}

function isSameDirectory(now: Stats, before: Stats, { changes, hasMountPoints }: Found): boolean {
  const isSameOwner = now.mode === before.mode && now.uid === before.uid && now.gid === before.gid;
  return isSameOwner && (now.mtimeMs === before.mtimeMs || (hasMountPoints && changes.length === 0));
}

function lstat(path: string): Stats | undefined {
  return lstatSync(filePath(path), { throwIfNoEntry: false });
}

function namesIn(directory: string): string[] {
  try {
    return namesOf(directory);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(String(error.code));
}
