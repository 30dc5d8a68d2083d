/** COPY's work: files and directories from one root into another, neither of which can be led out of. */
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lchownSync,
  linkSync,
  lutimesSync,
  type Stats,
  symlinkSync,
} from 'node:fs';
import { GantryError } from '../../../proto/errors.ts';
import { filePath } from '../../files/file-names.ts';
import { fileTime } from '../../files/file-time.ts';
import { baseOf, joinPath, parentOf } from './entry-path.ts';
import { type Exclusion, exclusionOf } from './exclusion.ts';
import type { LayerNative } from './layer-native.ts';
import { changeMode, type ModeChange } from './mode-change.ts';
import type { ScannedSource } from './scan.ts';
import { DirectoryTree } from './tree.ts';
import { deviceNumbers } from './tree-entry.ts';
import { isOverlayXattr } from './whiteout.ts';

export interface CopyJob {
  readonly kind: 'copy';
  readonly sourceRoot: string;
  readonly sources: readonly ScannedSource[];
  readonly targetRoot: string;
  /** Path in the target root. */
  readonly destination: string;
  /** Files go into the destination even if it isn't there yet: it was written with a slash, or there are several. */
  readonly intoDirectory: boolean;
  /** Undefined: as in the source. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** Of files and directories; undefined: as in the source. */
  readonly mode: ModeChange | undefined;
  /** Patterns of files to be left out. */
  readonly excludes: readonly string[];
}

export interface Copied {
  readonly entries: number;
}

/**
 * As COPY does: a directory's content, not itself; an existing directory is merged with, anything else replaced.
 * Links within a source directory stay links; those on the way to the destination are followed within the root.
 */
export function copyTree(job: CopyJob, native: LayerNative): Copied {
  return new Copier(job, native).run();
}

class Copier {
  readonly #job: CopyJob;
  readonly #native: LayerNative;
  readonly #source: DirectoryTree;
  readonly #target: DirectoryTree;
  readonly #directoryTimes = new Map<string, number>();
  readonly #excludes: Exclusion;
  /** First copy of each file with several names. */
  readonly #links = new Map<string, string | Buffer>();
  #entries = 0;

  constructor(job: CopyJob, native: LayerNative) {
    this.#job = job;
    this.#excludes = exclusionOf(job.excludes);
    this.#native = native;
    this.#source = new DirectoryTree(job.sourceRoot);
    this.#target = new DirectoryTree(job.targetRoot);
  }

  run(): Copied {
    for (const source of this.#job.sources) {
      if (source.type === 'directory') this.#copyRootDirectory(source);
      else if (!this.#excludes(source.name)) this.#copyFile(source);
    }
    for (const [path, time] of this.#directoryTimes)
      lutimesSync(this.#target.absolute(path), fileTime(time), fileTime(time));
    return { entries: this.#entries };
  }

  /**
   * The destination isn't the directory that is copied: if it was there it keeps its attributes, and otherwise it is one that
   * all may enter, as in Docker, whatever the directory's mode is. With their parents, directories themselves are copied.
   */
  #copyRootDirectory({ path, under }: ScannedSource): void {
    const created = new Set<string>();
    const destination = this.#resolve(this.#below(under), created);
    const stats = this.#source.lstat(path);
    if (stats !== undefined && created.has(destination)) {
      if (under === '') this.#directoryTimes.set(destination, stats.mtimeMs / 1000);
      else this.#setMetadata(path, destination, stats);
    }
    this.#copyContent(path, destination, '');
  }

  #copyFile({ name, path, under }: ScannedSource): void {
    const destination = this.#below(under);
    const into = this.#job.intoDirectory || this.#isDirectory(destination);
    const directory = this.#resolve(into ? destination : parentOf(destination), new Set());
    this.#copyEntry(path, joinPath(directory, into ? name : baseOf(destination)), name);
  }

  #below(under: string): string {
    return under === '' ? this.#job.destination : joinPath(this.#job.destination, under);
  }

  #isDirectory(path: string): boolean {
    return this.#target.resolve(path, { create: () => false }) !== undefined;
  }

  /** `below` is the path in the source directory. */
  #copyContent(from: string, to: string, below: string): void {
    for (const name of this.#source.names(from)) {
      const path = joinPath(below, name);
      if (!this.#excludes(path)) this.#copyEntry(joinPath(from, name), joinPath(to, name), path);
    }
  }

  #copyEntry(from: string, to: string, below: string): void {
    const stats = this.#source.lstat(from);
    // A socket belongs to a process, and means nothing in an image.
    if (stats === undefined || stats.isSocket()) return;
    this.#entries++;
    if (stats.isDirectory()) this.#copyDirectory(from, to, below, stats);
    else this.#copyNode(from, to, stats);
  }

  #copyDirectory(from: string, to: string, below: string, stats: Stats): void {
    const real = this.#resolve(to, new Set());
    this.#setMetadata(from, real, stats);
    this.#copyContent(from, real, below);
  }

  #copyNode(from: string, to: string, stats: Stats): void {
    const found = this.#target.lstat(to);
    if (found?.isDirectory()) throw new GantryError('INVALID_ARGUMENT', `cannot copy a file over the directory /${to}`);
    if (found !== undefined) this.#target.remove(to);
    const source = this.#source.absolute(from);
    const target = this.#target.absolute(to);
    if (stats.isSymbolicLink()) symlinkSync(filePath(this.#source.linkTarget(from)), target);
    else if (stats.isFile()) this.#copyFileData(source, target, stats);
    else this.#makeNode(target, stats);
    this.#setMetadata(from, to, stats);
  }

  #makeNode(target: string | Buffer, stats: Stats): void {
    const { deviceMajor, deviceMinor } = deviceNumbers(stats);
    this.#native.mknod(target, stats.mode, deviceMajor, deviceMinor);
  }

  /** Names of one file stay that, as far as they are copied together. */
  #copyFileData(source: string | Buffer, target: string | Buffer, { nlink, dev, ino }: Stats): void {
    const file = `${dev}:${ino}`;
    const first = nlink > 1 ? this.#links.get(file) : undefined;
    if (first !== undefined && existsSync(first)) {
      linkSync(first, target);
      return;
    }
    copyFileSync(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    if (nlink > 1) this.#links.set(file, target);
  }

  #setMetadata(from: string, to: string, stats: Stats): void {
    const target = this.#target.absolute(to);
    const { uid, gid } = this.#job.owner ?? stats;
    lchownSync(target, uid, gid);
    if (!stats.isSymbolicLink()) chmodSync(target, this.#modeOf(stats));
    this.#copyXattrs(from, target);
    const time = stats.mtimeMs / 1000;
    if (stats.isDirectory()) this.#directoryTimes.set(to, time);
    else lutimesSync(target, fileTime(time), fileTime(time));
  }

  #modeOf(stats: Stats): number {
    const mode = stats.mode & 0o7777;
    const { mode: change } = this.#job;
    return change === undefined ? mode : changeMode(change, mode, stats.isDirectory() ? 'directory' : 'other');
  }

  #copyXattrs(from: string, target: string | Buffer): void {
    const source = this.#source.absolute(from);
    for (const name of this.#native.listXattr(source)) {
      const value = isOverlayXattr(name) || name === 'security.selinux' ? null : this.#native.getXattr(source, name);
      if (value !== null) this.#native.setXattr(target, name, value);
    }
  }

  /** The directory, made with its parents where they are missing; those are noted in `created`. */
  #resolve(path: string, created: Set<string>): string {
    const resolved = this.#target.resolve(path, {
      create: (missing, found) => {
        if (found !== undefined) return false;
        this.#target.makeDirectory(missing, 0o755);
        const { uid, gid } = this.#job.owner ?? { uid: 0, gid: 0 };
        lchownSync(this.#target.absolute(missing), uid, gid);
        created.add(missing);
        return true;
      },
    });
    if (resolved !== undefined) return resolved;
    throw new GantryError('INVALID_ARGUMENT', `/${path} is not a directory`);
  }
}
