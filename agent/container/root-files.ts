/**
 * Files in a container's root file system, which belongs to somebody else: a symbolic link in it means a path in it,
 * whatever it says. A running container can change links between two looks, so what was opened is looked at again.
 */
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
} from 'node:fs';
import { join, posix } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import { lstatIfThere } from './stat-if-there.ts';

const MAXIMUM_LINKS = 40;
/** Linux's, on all that Node runs on (asm-generic/fcntl.h); opens nothing, not even a device. */
const O_PATH = 0o10000000;
const MAXIMUM_FILE_BYTES = 4 * 1024 * 1024;

/** `path` in the container as a path of the host's, with every link followed inside of `root`; need not exist. */
export function resolveInRoot(root: string, path: string): string {
  const pending = path.split('/').reverse();
  let resolved = '/';
  let links = 0;
  while (pending.length > 0) {
    const part = pending.pop();
    if (part === undefined || part === '' || part === '.') continue;
    // Above / is /, in a container as anywhere.
    const next = posix.join(resolved, part);
    const link = part === '..' ? undefined : readLink(join(root, next));
    if (link === undefined) {
      resolved = next;
      continue;
    }
    links += 1;
    if (links > MAXIMUM_LINKS) throw new GantryError('HOST', `too many symbolic links in ${path} of the container`);
    if (link.startsWith('/')) resolved = '/';
    pending.push(...link.split('/').reverse());
  }
  return join(root, resolved);
}

function readLink(path: string): string | undefined {
  const stat = lstatIfThere(path);
  return stat?.isSymbolicLink() === true ? readlinkSync(path) : undefined;
}

/** The text of a regular file in the container; empty when there is none. */
export function readInRoot(root: string, path: string): string {
  const fd = openIfThere(resolveInRoot(root, path));
  if (fd === undefined) return '';
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return '';
    if (stat.size > MAXIMUM_FILE_BYTES) throw new GantryError('HOST', `${path} of the container is too large to read`);
    if (!isBelow(root, readlinkSync(`/proc/self/fd/${fd}`))) {
      throw new GantryError('PERMISSION_DENIED', `${path} of the container was exchanged for a link while it was read`);
    }
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/**
 * A file or directory below `root`, held open so that nobody can exchange it any more; undefined when there is none. The
 * caller closes it.
 */
export function holdInRoot(root: string, path: string): number | undefined {
  const found = resolveInRoot(root, path);
  if (lstatIfThere(found) === undefined) return undefined;
  const fd = openSync(found, O_PATH | constants.O_NOFOLLOW);
  const held = readlinkSync(`/proc/self/fd/${fd}`);
  if (held === realpathSync(root) || isBelow(root, held)) return fd;
  closeSync(fd);
  throw new GantryError('PERMISSION_DENIED', `${path} was exchanged for a link while it was looked for`);
}

/** A device or pipe in the file's place must neither be waited for nor touched. */
function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'ENXIO') return undefined;
    throw error;
  }
}

function isBelow(root: string, path: string): boolean {
  return path.startsWith(`${realpathSync(root)}/`);
}

/** The directory in the container, or undefined when it isn't one. */
export function directoryInRoot(root: string, path: string): string | undefined {
  const found = resolveInRoot(root, path);
  return lstatIfThere(found)?.isDirectory() === true ? found : undefined;
}

/**
 * Makes the directory with its parents where they are missing; the container doesn't run yet. Host paths of the first and the
 * last that were; undefined when it was there.
 */
export function makeDirectoryInRoot(root: string, path: string): { first: string; last: string } | undefined {
  const last = resolveInRoot(root, path);
  if (lstatIfThere(last)?.isDirectory() === true) return undefined;
  try {
    const first = mkdirSync(last, { recursive: true, mode: 0o755 });
    return first === undefined ? undefined : { first, last };
  } catch (cause) {
    throw new GantryError('INVALID_ARGUMENT', `cannot make the directory ${path} in the container`, {
      hint: 'something on the way to it is not a directory',
      cause,
    });
  }
}
