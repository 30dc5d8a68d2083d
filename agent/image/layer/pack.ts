/** An overlay's upper directory as a layer's tar: overlayfs' whiteouts become those of the OCI image spec. */
import { createHash, type Hash } from 'node:crypto';
import {
  closeSync,
  fdatasyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  writeSync,
} from 'node:fs';
import type { Digest } from '../../../proto/ids.ts';
import { finishDigest } from '../content-store.ts';
import { END_OF_ARCHIVE, encodeHeader, padding } from '../tar/encoder.ts';
import type { TarEntryType, TarHeader } from '../tar/header.ts';
import { compareText } from '../text-order.ts';
import type { LayerNative } from './applier.ts';
import { joinPath } from './entry-path.ts';
import { isOverlayWhiteout, isOverlayXattr, OPAQUE_NAME, OPAQUE_XATTR, whiteoutName } from './whiteout.ts';

export interface PackJob {
  readonly kind: 'pack';
  /** Nobody may be writing to it. */
  readonly source: string;
  /** File to be made. */
  readonly archive: string;
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
    this.#directory('', lstatSync(this.#job.source));
    this.#append(END_OF_ARCHIVE);
    this.#flush();
    fdatasyncSync(this.#fd);
    return { digest: finishDigest(this.#hash), size: this.#size, sizeBytes: this.#sizeBytes, entries: this.#entries };
  }

  close(): void {
    closeSync(this.#fd);
  }

  #directory(path: string, stats: Stats): void {
    // The root has an entry of its own so that its mode and owner travel, too.
    this.#header(path === '' ? './' : path, 'directory', stats, {});
    if (this.#native.getXattr(this.#absolute(path), OPAQUE_XATTR)?.toString() === 'y') {
      this.#whiteout(joinPath(path, OPAQUE_NAME), stats);
    }
    for (const name of readdirSync(this.#absolute(path)).sort(compareText)) {
      this.#entries++;
      this.#entry(path, name);
    }
  }

  #entry(directory: string, name: string): void {
    const path = joinPath(directory, name);
    const stats = lstatSync(this.#absolute(path));
    if (stats.isDirectory()) this.#directory(path, stats);
    else if (isOverlayWhiteout(stats)) this.#whiteout(joinPath(directory, whiteoutName(name)), stats);
    else if (stats.isSocket()) return;
    else if (stats.nlink > 1 && this.#links.has(stats.ino)) {
      this.#header(path, 'link', stats, { linkName: this.#links.get(stats.ino) ?? '' });
    } else {
      if (stats.nlink > 1) this.#links.set(stats.ino, path);
      this.#single(path, stats);
    }
  }

  #single(path: string, stats: Stats): void {
    if (stats.isFile()) this.#file(path, stats);
    else if (stats.isSymbolicLink())
      this.#header(path, 'symlink', stats, { linkName: readlinkSync(this.#absolute(path)) });
    else if (stats.isFIFO()) this.#header(path, 'fifo', stats, {});
    else this.#header(path, stats.isCharacterDevice() ? 'character' : 'block', stats, deviceNumbers(stats));
  }

  #file(path: string, stats: Stats): void {
    this.#header(path, 'file', stats, { size: stats.size });
    const fd = openSync(this.#absolute(path), 'r');
    try {
      let remaining = stats.size;
      while (remaining > 0) {
        if (this.#filled === BUFFER_BYTES) this.#flush();
        const wanted = Math.min(remaining, BUFFER_BYTES - this.#filled);
        const read = readSync(fd, this.#buffer, this.#filled, wanted, null);
        if (read === 0) throw new Error(`${path} became shorter while it was read`);
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
    this.#append(encodeHeader({ ...headerOf(path, 'file', stats), mode: 0o600, uid: 0, gid: 0 }));
  }

  #header(path: string, type: TarEntryType, stats: Stats, more: Partial<TarHeader>): void {
    this.#append(encodeHeader({ ...headerOf(path, type, stats), xattrs: this.#xattrs(path, type), ...more }));
  }

  #xattrs(path: string, type: TarEntryType): ReadonlyMap<string, Buffer> {
    const xattrs = new Map<string, Buffer>();
    if (type === 'link') return xattrs;
    const absolute = this.#absolute(path);
    for (const name of this.#native.listXattr(absolute)) {
      if (isOverlayXattr(name) || name === 'security.selinux') continue;
      const value = this.#native.getXattr(absolute, name);
      if (value !== null) xattrs.set(name, value);
    }
    return xattrs;
  }

  #absolute(path: string): string {
    return path === '' || path === './' ? this.#job.source : `${this.#job.source}/${path}`;
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

function headerOf(name: string, type: TarEntryType, stats: Stats): TarHeader {
  return {
    name,
    type,
    linkName: '',
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    size: 0,
    mtime: Math.floor(stats.mtimeMs / 1000),
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
  };
}

/** As gnu_dev_major(3) and gnu_dev_minor(3). Beyond 32 bits there are no devices in practice. */
function deviceNumbers(stats: Stats): Pick<TarHeader, 'deviceMajor' | 'deviceMinor'> {
  const device = stats.rdev;
  return { deviceMajor: (device >>> 8) & 0xfff, deviceMinor: (device & 0xff) | ((device >>> 12) & 0xfff00) };
}
