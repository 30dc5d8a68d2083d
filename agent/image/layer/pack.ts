/** An overlay's upper directory as a layer's tar: overlayfs' whiteouts become those of the OCI image spec. */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fdatasyncSync, lstatSync, openSync, readSync, type Stats, writeSync } from 'node:fs';
import { GantryError } from '../../../proto/errors.ts';
import type { Digest } from '../../../proto/ids.ts';
import { filePath, linkTarget, namesIn } from '../../files/file-names.ts';
import { finishDigest } from '../content-store.ts';
import { END_OF_ARCHIVE, encodeHeader, padding } from '../tar/encoder.ts';
import type { TarEntryType, TarHeader } from '../tar/header.ts';
import { compareText } from '../text-order.ts';
import { joinPath } from './entry-path.ts';
import type { LayerNative } from './layer-native.ts';
import { DIRECTORY_FLAGS, deviceNumbers, FILE_FLAGS, headerOf, openedPath, readXattrs } from './tree-entry.ts';
import { isOverlayWhiteout, OPAQUE_NAME, OPAQUE_XATTR, whiteoutName } from './whiteout.ts';

export interface PackJob {
  readonly kind: 'pack';
  /** Whoever changes it meanwhile gets an error or a layer of old and new files, and nothing from outside of it. */
  readonly source: string;
  /** File to be made. */
  readonly archive: string;
  /** Seconds since the epoch: files that were changed later are from then. Undefined: all keep their times. */
  readonly latestTime?: number | undefined;
  /**
   * Directories without an entry of their own, "" for the root: wherever the layer is put, those that are there stay as
   * they are.
   */
  readonly implied?: readonly string[] | undefined;
}

export interface Packed {
  readonly digest: Digest;
  /** Bytes of the tar. */
  readonly size: number;
  /** Bytes of the files in it. */
  readonly sizeBytes: number;
  /** Without the root directory. */
  readonly entries: number;
}

const BUFFER_BYTES = 1 << 20;

/** Entries are sorted by name, so that the same directory gives the same tar. The file is synced. */
export function pack(job: PackJob, native: LayerNative): Packed {
  const packer = new Packer(job, native);
  try {
    return packer.run();
  } finally {
    packer.close();
  }
}

class Packer {
  readonly #job: PackJob;
  readonly #native: LayerNative;
  readonly #fd: number;
  readonly #hash: Hash = createHash('sha256');
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #filled = 0;
  #size = 0;
  #sizeBytes = 0;
  #entries = 0;
  /** First path of each inode with several names. */
  readonly #links = new Map<number, string>();

  constructor(job: PackJob, native: LayerNative) {
    this.#job = job;
    this.#native = native;
    this.#fd = openSync(job.archive, 'wx', 0o600);
  }

  run(): Packed {
    this.#directory('', this.#job.source, lstatSync(this.#job.source));
    this.#append(END_OF_ARCHIVE);
    this.#flush();
    fdatasyncSync(this.#fd);
    return { digest: finishDigest(this.#hash), size: this.#size, sizeBytes: this.#sizeBytes, entries: this.#entries };
  }

  close(): void {
    closeSync(this.#fd);
  }

  #directory(path: string, at: string, stats: Stats): void {
    // The root has an entry of its own so that its mode and owner travel, too.
    if (!this.#job.implied?.includes(path)) this.#header(path === '' ? './' : path, at, 'directory', stats, {});
    if (this.#native.getXattr(filePath(at), OPAQUE_XATTR)?.toString() === 'y') {
      this.#whiteout(joinPath(path, OPAQUE_NAME), stats);
    }
    const fd = openSync(filePath(at), DIRECTORY_FLAGS);
    try {
      const opened = openedPath(fd);
      for (const name of namesIn(opened).sort(compareText)) {
        this.#entries++;
        this.#entry(path, name, `${opened}/${name}`);
      }
    } finally {
      closeSync(fd);
    }
  }

  #entry(directory: string, name: string, at: string): void {
    const path = joinPath(directory, name);
    const stats = lstatSync(filePath(at));
    if (stats.isDirectory()) this.#directory(path, at, stats);
    else if (isOverlayWhiteout(stats)) this.#whiteout(joinPath(directory, whiteoutName(name)), stats);
    else if (stats.isSocket()) return;
    else if (stats.nlink > 1 && this.#links.has(stats.ino)) {
      this.#header(path, at, 'link', stats, { linkName: this.#links.get(stats.ino) ?? '' });
    } else {
      if (stats.nlink > 1) this.#links.set(stats.ino, path);
      this.#single(path, at, stats);
    }
  }

  #single(path: string, at: string, stats: Stats): void {
    if (stats.isFile()) this.#file(path, at, stats);
    else if (stats.isSymbolicLink()) this.#header(path, at, 'symlink', stats, { linkName: linkTarget(at) });
    else if (stats.isFIFO()) this.#header(path, at, 'fifo', stats, {});
    else this.#header(path, at, stats.isCharacterDevice() ? 'character' : 'block', stats, deviceNumbers(stats));
  }

  #file(path: string, at: string, stats: Stats): void {
    this.#header(path, at, 'file', stats, { size: stats.size });
    const fd = openSync(filePath(at), FILE_FLAGS);
    try {
      let remaining = stats.size;
      while (remaining > 0) {
        if (this.#filled === BUFFER_BYTES) this.#flush();
        const wanted = Math.min(remaining, BUFFER_BYTES - this.#filled);
        const read = readSync(fd, this.#buffer, this.#filled, wanted, null);
        if (read === 0) throw new GantryError('CONFLICT', `/${path} became shorter while it was read`);
        this.#filled += read;
        remaining -= read;
      }
    } finally {
      closeSync(fd);
    }
    this.#sizeBytes += stats.size;
    this.#append(padding(stats.size));
  }

  #whiteout(path: string, stats: Stats): void {
    this.#append(encodeHeader({ ...this.#headerOf(path, 'file', stats), mode: 0o600, uid: 0, gid: 0 }));
  }

  #header(path: string, at: string, type: TarEntryType, stats: Stats, more: Partial<TarHeader>): void {
    const xattrs = type === 'link' ? new Map<string, Buffer>() : readXattrs(this.#native, filePath(at));
    this.#append(encodeHeader({ ...this.#headerOf(path, type, stats), xattrs, ...more }));
  }

  #headerOf(path: string, type: TarEntryType, stats: Stats): TarHeader {
    const header = headerOf(path, type, stats);
    return { ...header, mtime: Math.min(header.mtime, this.#job.latestTime ?? header.mtime) };
  }

  #append(bytes: Buffer): void {
    if (this.#filled + bytes.length > BUFFER_BYTES) this.#flush();
    if (bytes.length > BUFFER_BYTES) {
      this.#write(bytes);
      return;
    }
    bytes.copy(this.#buffer, this.#filled);
    this.#filled += bytes.length;
  }

  #flush(): void {
    this.#write(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  #write(bytes: Buffer): void {
    this.#hash.update(bytes);
    this.#size += bytes.length;
    let offset = 0;
    while (offset < bytes.length) offset += writeSync(this.#fd, bytes, offset);
  }
}
