/**
 * Writes tar entries below a root directory, which no entry can lead out of: names are cleaned, links among a
 * path's components are resolved within the root, and the last component is never followed. Synchronous, for a
 * worker thread: with 40,000 files the promises of node:fs/promises cost more than the system calls.
 */
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  openSync,
  type Stats,
  symlinkSync,
} from 'node:fs';
import { GantryError } from '../../../proto/errors.ts';
import { filePath } from '../../files/file-names.ts';
import { fileTime } from '../../files/file-time.ts';
import type { TarEvent } from '../tar/decoder.ts';
import { shownName, type TarHeader } from '../tar/header.ts';
import { makeNode, setXattrs } from './entry-attributes.ts';
import { entryError, hasCode } from './entry-error.ts';
import { checkNumbers } from './entry-numbers.ts';
import { baseOf, entryPath, joinPath, parentOf } from './entry-path.ts';
import { FileData } from './file-data.ts';
import type { LayerNative } from './layer-native.ts';
import type { UnpackLimits } from './limits.ts';
import { DirectoryTree, type MissingDirectory } from './tree.ts';
import { isAufsBookkeeping, isOverlayWhiteout, OPAQUE_VALUE, OPAQUE_XATTR, parseWhiteout } from './whiteout.ts';

const S_IFCHR = 0o020000;

/** Images have some hundred thousand directories at most. */
const MAX_DIRECTORY_BYTES = 128 << 20;

export interface ApplyOptions extends UnpackLimits {
  /** `overlay`: the tar is a layer, its whiteouts become overlayfs'. `literal`: it is an ordinary archive. */
  readonly whiteouts: 'overlay' | 'literal';
  /** `same-kind`: a directory doesn't replace what is none, nor the other way round. Undefined: anything replaces anything. */
  readonly replaces?: 'same-kind';
}

export interface Applied {
  readonly sizeBytes: number;
  /** Of the tar, and the directories that were made for them. */
  readonly entries: number;
  /** Directories that the tar has no entry for, parents first; "" is the root. Their attributes are made up. */
  readonly implicit: readonly string[];
}

interface OpenFile {
  readonly data: FileData;
  readonly path: string;
  readonly header: TarHeader;
}

export class TarApplier {
  readonly #tree: DirectoryTree;
  readonly #native: LayerNative;
  readonly #options: ApplyOptions;
  readonly #implicit = new Set<string>(['']);
  readonly #directoryTimes = new Map<string, number>();
  readonly #parents: MissingDirectory;
  /** Bits that open(2) and mkdir(2) would take away. */
  readonly #umask = process.umask();
  #file: OpenFile | undefined;
  #name = '';
  #sizeBytes = 0;
  #entries = 0;
  #directoryBytes = 0;

  constructor(root: string, native: LayerNative, options: ApplyOptions) {
    this.#tree = new DirectoryTree(root);
    this.#native = native;
    this.#options = options;
    this.#parents = { create: (path, found) => this.#createParent(path, found) };
  }

  /** Throws with the name of the entry that can't be made. The caller removes the root then, and calls {@link close}. */
  apply(event: TarEvent): void {
    try {
      if (event.kind === 'entry') this.#begin(event.header);
      else if (event.kind === 'data') this.#file?.data.write(event.data);
      else if (event.kind === 'hole') this.#file?.data.leaveHole(event.size);
      else this.#end();
    } catch (error) {
      throw entryError(this.#name, error);
    }
  }

  /** After the last event: what had to wait until the directories are full. */
  finish(): Applied {
    for (const [path, mtime] of this.#directoryTimes) {
      // One that was replaced by something else since has no time to set, and might lead outside.
      if (this.#tree.isKnown(path)) lutimesSync(this.#tree.absolute(path), fileTime(mtime), fileTime(mtime));
    }
    // Likewise: what is made of them would be made of what a link in their place leads to.
    const implicit = [...this.#implicit].filter((path) => this.#tree.isKnown(path));
    return { sizeBytes: this.#sizeBytes, entries: this.#entries, implicit };
  }

  /** Closes what an error left open. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file.data.fd);
    this.#file = undefined;
  }

  #begin(header: TarHeader): void {
    this.#name = header.name;
    this.#count(header.size);
    checkNumbers(header);
    const path = entryPath(header.name);
    if (path === '') {
      if (header.type !== 'directory') throw new GantryError('INVALID_ARGUMENT', 'the root can only be a directory');
      this.#directory('', header);
      return;
    }
    if (this.#options.whiteouts === 'overlay' && isAufsBookkeeping(path)) return;
    const parent = this.#tree.resolve(parentOf(path), this.#parents);
    if (parent === undefined) throw new GantryError('INVALID_ARGUMENT', 'its parent is not a directory');
    const base = baseOf(path);
    const whiteout = this.#options.whiteouts === 'overlay' ? parseWhiteout(base) : { kind: 'none' as const };
    if (whiteout.kind === 'none') this.#make(joinPath(parent, base), header);
    else if (whiteout.kind === 'opaque') this.#makeOpaque(parent);
    else if (whiteout.kind === 'file') this.#makeWhiteout(parent, whiteout.name);
  }

  #count(sizeBytes: number): void {
    this.#entries++;
    this.#sizeBytes += sizeBytes;
    const { maxBytes, maxEntries } = this.#options;
    if (this.#sizeBytes > maxBytes) throw new GantryError('EXHAUSTED', `more than the ${maxBytes} bytes allowed`);
    if (this.#entries > maxEntries) throw new GantryError('EXHAUSTED', `more than the ${maxEntries} files allowed`);
  }

  /** Their paths are held in memory. */
  #makeDirectory(path: string): void {
    this.#directoryBytes += path.length;
    if (this.#directoryBytes > MAX_DIRECTORY_BYTES) {
      throw new GantryError(
        'EXHAUSTED',
        `directories whose paths have more than the ${MAX_DIRECTORY_BYTES} bytes allowed`,
      );
    }
    this.#tree.makeDirectory(path, 0o755);
  }

  #make(path: string, header: TarHeader): void {
    switch (header.type) {
      case 'file':
        this.#openFile(path, header);
        return;
      case 'directory':
        this.#directory(path, header);
        return;
      case 'symlink':
        if (header.linkName === '') throw new GantryError('INVALID_ARGUMENT', 'it is a link to nothing');
        this.#clear(path);
        symlinkSync(filePath(header.linkName), this.#tree.absolute(path));
        this.#setLinkMetadata(path, header);
        return;
      case 'link':
        this.#hardLink(path, header);
        return;
      default:
        this.#clear(path);
        makeNode(this.#native, this.#tree.absolute(path), header);
        this.#setLinkMetadata(path, header);
        // After chown, which takes setuid and setgid away, here too.
        if ((header.mode & 0o6000) !== 0) chmodSync(this.#tree.absolute(path), header.mode);
    }
  }

  #openFile(path: string, header: TarHeader): void {
    const fd = this.#createExclusive(path, header.mode & 0o777);
    this.#file = { data: new FileData(fd), path, header };
  }

  /** O_EXCL: neither a link's target nor a file with other hard links can be written through. */
  #createExclusive(path: string, mode: number): number {
    const absolute = this.#tree.absolute(path);
    try {
      return openSync(absolute, 'wx', mode);
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      this.#clear(path);
      return openSync(absolute, 'wx', mode);
    }
  }

  #end(): void {
    const file = this.#file;
    if (file === undefined) return;
    const { header, data, path } = file;
    const { fd } = data;
    const { uid, gid, mode } = header;
    data.finish();
    if (uid !== 0 || gid !== 0) fchownSync(fd, uid, gid);
    // After write and chown, which take setuid, setgid and file capabilities away.
    if ((mode & 0o7000) !== 0 || (mode & this.#umask) !== 0) fchmodSync(fd, mode);
    setXattrs(this.#native, this.#tree.absolute(path), header);
    const mtime = fileTime(header.mtime);
    futimesSync(fd, mtime, mtime);
    this.close();
  }

  #directory(path: string, header: TarHeader): void {
    const found = path === '' ? undefined : this.#tree.lstat(path);
    const hidesLower = found !== undefined && isOverlayWhiteout(found) && this.#options.whiteouts === 'overlay';
    if (path !== '' && !found?.isDirectory()) {
      if (found !== undefined && this.#options.replaces === 'same-kind') throw ofOtherKind('non-directory', path);
      if (found !== undefined) this.#tree.remove(path);
      this.#makeDirectory(path);
    }
    this.#tree.remember(path);
    this.#implicit.delete(path);
    const absolute = this.#tree.absolute(path);
    // A lower directory of that name is removed by this layer, then made anew: nothing of it may show.
    if (hidesLower) this.#native.setXattr(absolute, OPAQUE_XATTR, OPAQUE_VALUE);
    lchownSync(absolute, header.uid, header.gid);
    chmodSync(absolute, header.mode);
    setXattrs(this.#native, absolute, header);
    this.#directoryTimes.set(path, header.mtime);
  }

  #createParent(path: string, found: Stats | undefined): boolean {
    const overlay = this.#options.whiteouts === 'overlay';
    if (found !== undefined && !(overlay && isOverlayWhiteout(found))) return false;
    if (found !== undefined) this.#tree.remove(path);
    // An entry may ask for thousands of them.
    this.#count(0);
    this.#makeDirectory(path);
    chmodSync(this.#tree.absolute(path), 0o755);
    if (found !== undefined) this.#native.setXattr(this.#tree.absolute(path), OPAQUE_XATTR, OPAQUE_VALUE);
    this.#implicit.add(path);
    return true;
  }

  /** link(2) doesn't follow a link in its target's last component. */
  #hardLink(path: string, header: TarHeader): void {
    const target = entryPath(header.linkName);
    const parent = this.#tree.resolve(parentOf(target), { create: () => false });
    const source = parent === undefined ? undefined : joinPath(parent, baseOf(target));
    const found = source === undefined ? undefined : this.#tree.lstat(source);
    const isHidden = found !== undefined && this.#options.whiteouts === 'overlay' && isOverlayWhiteout(found);
    if (source === undefined || found === undefined || found.isDirectory() || isHidden) {
      throw new GantryError(
        'INVALID_ARGUMENT',
        `it is a hard link to ${shownName(header.linkName)}, which is no file of this archive`,
      );
    }
    if (source === path) return;
    if (source.startsWith(`${path}/`))
      throw new GantryError('INVALID_ARGUMENT', 'it is a hard link to what it replaces');
    this.#clear(path);
    linkSync(this.#tree.absolute(source), this.#tree.absolute(path));
  }

  #makeOpaque(directory: string): void {
    this.#native.setXattr(this.#tree.absolute(directory), OPAQUE_XATTR, OPAQUE_VALUE);
  }

  /** Whiteouts concern the layers below; what this layer itself has put there stays, wherever in the tar it comes. */
  #makeWhiteout(parent: string, name: string): void {
    if (name === '' || name === '.' || name === '..')
      throw new GantryError('INVALID_ARGUMENT', 'it is no whiteout of a name');
    const path = joinPath(parent, name);
    const found = this.#tree.lstat(path);
    if (found === undefined) this.#native.mknod(this.#tree.absolute(path), S_IFCHR, 0, 0);
    else if (found.isDirectory()) this.#makeOpaque(path);
  }

  #clear(path: string): void {
    const found = this.#tree.lstat(path);
    if (found?.isDirectory() && this.#options.replaces === 'same-kind') throw ofOtherKind('directory', path);
    if (found !== undefined) this.#tree.remove(path);
    this.#directoryTimes.delete(path);
    this.#implicit.delete(path);
  }

  #setLinkMetadata(path: string, header: TarHeader): void {
    const absolute = this.#tree.absolute(path);
    lchownSync(absolute, header.uid, header.gid);
    setXattrs(this.#native, absolute, header);
    lutimesSync(absolute, fileTime(header.mtime), fileTime(header.mtime));
  }
}

function ofOtherKind(found: 'directory' | 'non-directory', path: string): GantryError {
  const other = found === 'directory' ? 'non-directory' : 'directory';
  return new GantryError('INVALID_ARGUMENT', `cannot overwrite the ${found} /${path} with a ${other}`);
}
