/** Copies a directory tree as it is: owners, modes, times, extended attributes, links, devices. */
import { constants, type Stats } from 'node:fs';
import { chmod, copyFile, lchown, link, lstat, lutimes, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import type { Native } from '../../native/addon/native.ts';
import { fileTime } from '../files/file-time.ts';

const SLASH = Buffer.from('/');

/** Copies the content of `from` into the directory `to`, which takes on `from`'s owner, mode and attributes too. */
export async function copyTree(native: Native, from: string, to: string): Promise<void> {
  await new TreeCopy(native).copyDirectory(Buffer.from(from), Buffer.from(to), await lstat(from));
}

/** Paths are bytes throughout, as file names need not be UTF-8. */
class TreeCopy {
  readonly #native: Native;
  /** Where files with several names have been copied to, by device and inode. */
  readonly #copied = new Map<string, Buffer>();

  constructor(native: Native) {
    this.#native = native;
  }

  async copyDirectory(from: Buffer, to: Buffer, stats: Stats): Promise<void> {
    for (const name of await readdir(from, { encoding: 'buffer' })) {
      await this.#copyEntry(Buffer.concat([from, SLASH, name]), Buffer.concat([to, SLASH, name]));
    }
    // Last, as every entry made in it has changed its time.
    await this.#copyAttributes(from, to, stats);
  }

  async #copyEntry(from: Buffer, to: Buffer): Promise<void> {
    const stats = await lstat(from);
    if (stats.isDirectory()) {
      await mkdir(to);
      await this.copyDirectory(from, to, stats);
      return;
    }
    if (stats.nlink > 1 && (await this.#linkToCopied(stats, to))) return;
    await this.#copyContent(from, to, stats);
    await this.#copyAttributes(from, to, stats);
  }

  async #linkToCopied(stats: Stats, to: Buffer): Promise<boolean> {
    const key = `${stats.dev}:${stats.ino}`;
    const first = this.#copied.get(key);
    if (first === undefined) {
      this.#copied.set(key, to);
      return false;
    }
    await link(first, to);
    return true;
  }

  async #copyContent(from: Buffer, to: Buffer, stats: Stats): Promise<void> {
    if (stats.isFile()) {
      await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    } else if (stats.isSymbolicLink()) {
      await symlink(await readlink(from, { encoding: 'buffer' }), to);
    } else {
      const { major, minor } = deviceNumber(stats.rdev);
      this.#native.mknod(to, stats.mode, major, minor);
    }
  }

  /** The order counts: chown clears set-id bits and file capabilities, and all of it changes times. */
  async #copyAttributes(from: Buffer, to: Buffer, stats: Stats): Promise<void> {
    await lchown(to, stats.uid, stats.gid);
    if (!stats.isSymbolicLink()) await chmod(to, stats.mode & 0o7777);
    for (const name of this.#native.listXattr(from)) this.#copyXattr(from, to, name);
    await lutimes(to, stats.atime, fileTime(stats.mtimeMs / 1000));
  }

  #copyXattr(from: Buffer, to: Buffer, name: string): void {
    const value = this.#native.getXattr(from, name);
    if (value === null) return;
    try {
      this.#native.setXattr(to, name, value);
    } catch (error) {
      // A tmpfs or NFS volume can't keep every kind of attribute; the file is of use without.
      if ((error as NodeJS.ErrnoException).code !== 'ENOTSUP') throw error;
    }
  }
}

/** As the kernel packs it for stat(2): makedev(3). */
function deviceNumber(rdev: number): { major: number; minor: number } {
  return {
    major: (rdev >>> 8) & 0xfff,
    minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
  };
}
