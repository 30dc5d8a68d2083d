/**
 * Files of a directory tree as the headers of a tar. The tree may be a container's, which can exchange any directory for a link
 * between two looks: each is opened as what it is, and what is in it named below its descriptor.
 */
import { constants, type Stats } from 'node:fs';
import type { TarEntryType, TarHeader } from '../tar/header.ts';
import type { LayerNative } from './layer-native.ts';
import { isOverlayXattr } from './whiteout.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
export const DIRECTORY_FLAGS: number = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
/** A FIFO that has taken a file's place doesn't keep who opens it waiting. */
export const FILE_FLAGS: number = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

/** The path of what the descriptor stands for, wherever that has gone. Source: proc_pid_fd(5). */
export function openedPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/** Everything but what lies behind the name: size, target, device numbers, xattrs. Times are cut to the second. */
export function headerOf(name: string, type: TarEntryType, stats: Stats): TarHeader {
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
export function deviceNumbers(stats: Stats): Pick<TarHeader, 'deviceMajor' | 'deviceMinor'> {
  const device = stats.rdev;
  return { deviceMajor: (device >>> 8) & 0xfff, deviceMinor: (device & 0xff) | ((device >>> 12) & 0xfff00) };
}

/** Those that mean something elsewhere: neither overlayfs' own nor this host's labels. Links aren't followed. */
export function readXattrs(
  native: Pick<LayerNative, 'getXattr' | 'listXattr'>,
  path: string | Buffer,
): ReadonlyMap<string, Buffer> {
  const xattrs = new Map<string, Buffer>();
  for (const name of native.listXattr(path)) {
    if (isOverlayXattr(name) || name === 'security.selinux') continue;
    const value = native.getXattr(path, name);
    if (value !== null) xattrs.set(name, value);
  }
  return xattrs;
}
