/**
 * A file system, or a part of one, as a tar, in chunks as they are asked for: asynchronous, since whoever reads it may be slow, and a
 * thread that waits for him would be missed. The tree may change meanwhile: what is gone is left out, a file keeps the length
 * that its header says.
 */
import type { Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink } from 'node:fs/promises';
import { filePath, nameOfBytes } from '../../files/file-names.ts';
import { END_OF_ARCHIVE, encodeHeader, padding } from '../tar/encoder.ts';
import type { TarEntryType, TarHeader } from '../tar/header.ts';
import { compareText } from '../text-order.ts';
import { joinPath } from './entry-path.ts';
import type { LayerNative } from './layer-native.ts';
import { DIRECTORY_FLAGS, deviceNumbers, FILE_FLAGS, headerOf, openedPath, readXattrs } from './tree-entry.ts';

type TreeNative = Pick<LayerNative, 'getXattr' | 'listXattr'>;

const READ_BYTES = 1 << 18;
/** Headers and small files travel together. */
const CHUNK_BYTES = 1 << 18;

/** Of an open directory, whose own entry is left out. Sorted by name, so that the same tree gives the same tar. */
export function archiveTree(root: FileHandle, native: TreeNative): AsyncGenerator<Buffer, void, undefined> {
  return inChunks(new TreeArchiver(native).run(root));
}

/** The same below a directory of that name, with its entry and without the archive's end. */
export function archiveBelow(
  root: FileHandle,
  name: string,
  native: TreeNative,
): AsyncGenerator<Buffer, void, undefined> {
  return inChunks(new TreeArchiver(native).runBelow(root, name));
}

/** Of one file, or of a directory with its own entry; `at` must not be led elsewhere: a path below a descriptor. */
export function archivePath(at: string, name: string, native: TreeNative): AsyncGenerator<Buffer, void, undefined> {
  return inChunks(new TreeArchiver(native).runPath(at, name));
}

async function* inChunks(parts: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let pending: Buffer[] = [];
  let size = 0;
  for await (const bytes of parts) {
    pending.push(bytes);
    size += bytes.length;
    if (size < CHUNK_BYTES) continue;
    yield Buffer.concat(pending);
    pending = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(pending);
}

class TreeArchiver {
  readonly #native: TreeNative;
  /** First path of each inode with several names. */
  readonly #links = new Map<string, string>();

  constructor(native: TreeNative) {
    this.#native = native;
  }

  async *run(root: FileHandle): AsyncGenerator<Buffer> {
    yield* this.#content('', root);
    yield END_OF_ARCHIVE;
  }

  async *runBelow(root: FileHandle, name: string): AsyncGenerator<Buffer> {
    yield this.#header(name, openedPath(root.fd), 'directory', await root.stat(), {});
    yield* this.#content(name, root);
  }

  async *runPath(at: string, name: string): AsyncGenerator<Buffer> {
    yield* this.#entry(name, at);
    yield END_OF_ARCHIVE;
  }

  async *#content(path: string, directory: FileHandle): AsyncGenerator<Buffer> {
    const opened = openedPath(directory.fd);
    for (const name of (await namesOf(opened)).sort(compareText)) {
      yield* this.#entry(joinPath(path, name), `${opened}/${name}`);
    }
  }

  async *#entry(path: string, at: string): AsyncGenerator<Buffer> {
    const stats = await unlessGone(lstat(filePath(at)));
    if (stats === undefined || stats.isSocket()) return;
    if (stats.isDirectory()) {
      yield* this.#directory(path, at, stats);
      return;
    }
    const inode = `${stats.dev}:${stats.ino}`;
    const first = stats.nlink > 1 ? this.#links.get(inode) : undefined;
    if (first !== undefined) {
      yield encodeHeader({ ...headerOf(path, 'link', stats), linkName: first });
      return;
    }
    if (stats.isFile()) yield* this.#file(path, at, stats);
    else yield* this.#node(path, at, stats);
    if (stats.nlink > 1) this.#links.set(inode, path);
  }

  async *#directory(path: string, at: string, stats: Stats): AsyncGenerator<Buffer> {
    const directory = await unlessGone(open(filePath(at), DIRECTORY_FLAGS));
    if (directory === undefined) return;
    try {
      yield this.#header(path, at, 'directory', stats, {});
      yield* this.#content(path, directory);
    } finally {
      await directory.close();
    }
  }

  async *#node(path: string, at: string, stats: Stats): AsyncGenerator<Buffer> {
    if (stats.isSymbolicLink()) {
      const target = await unlessGone(readlink(filePath(at), { encoding: 'buffer' }));
      if (target !== undefined) yield this.#header(path, at, 'symlink', stats, { linkName: nameOfBytes(target) });
    } else if (stats.isFIFO()) yield this.#header(path, at, 'fifo', stats, {});
    else yield this.#header(path, at, stats.isCharacterDevice() ? 'character' : 'block', stats, deviceNumbers(stats));
  }

  async *#file(path: string, at: string, stats: Stats): AsyncGenerator<Buffer> {
    const file = await unlessGone(open(filePath(at), FILE_FLAGS));
    if (file === undefined) return;
    try {
      yield this.#header(path, at, 'file', stats, { size: stats.size });
      let remaining = stats.size;
      while (remaining > 0) {
        const buffer = Buffer.allocUnsafe(Math.min(remaining, READ_BYTES));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, stats.size - remaining);
        // It has become shorter: zeros, as GNU tar has them.
        const filled = bytesRead === 0 ? buffer.fill(0) : buffer.subarray(0, bytesRead);
        remaining -= filled.length;
        yield filled;
      }
      yield padding(stats.size);
    } finally {
      await file.close();
    }
  }

  #header(path: string, at: string, type: TarEntryType, stats: Stats, more: Partial<TarHeader>): Buffer {
    return encodeHeader({ ...headerOf(path, type, stats), xattrs: this.#xattrs(at), ...more });
  }

  #xattrs(at: string): ReadonlyMap<string, Buffer> {
    try {
      return readXattrs(this.#native, filePath(at));
    } catch (error) {
      if (isGone(error)) return new Map();
      throw error;
    }
  }
}

async function namesOf(directory: string): Promise<string[]> {
  return (await readdir(directory, { encoding: 'buffer' })).map(nameOfBytes);
}

async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Or something else by now. */
function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(String(error.code));
}
