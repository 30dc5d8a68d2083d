/** What a tar entry says of its file beyond owner, mode and time: extended attributes, and what kind of node it is. */

import { GantryError } from '../../../proto/errors.ts';
import { shownName, type TarEntryType, type TarHeader } from '../tar/header.ts';
import { attributeError } from './entry-error.ts';
import type { LayerNative } from './layer-native.ts';
import { isOverlayXattr } from './whiteout.ts';

const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFIFO = 0o010000;

/** Source: xattr(7). */
const HAS_USER_XATTRS: ReadonlySet<TarEntryType> = new Set(['file', 'directory']);

/** A device or a pipe. */
export function makeNode(native: Pick<LayerNative, 'mknod'>, path: string | Buffer, header: TarHeader): void {
  const mode = header.mode | formatBits(header);
  // A pipe's numbers mean nothing, whatever they are.
  const [major, minor] = header.type === 'fifo' ? [0, 0] : [header.deviceMajor, header.deviceMinor];
  native.mknod(path, mode, major, minor);
}

/** Throws INVALID_ARGUMENT for those that aren't an archive's to set. */
export function setXattrs(native: Pick<LayerNative, 'setXattr'>, path: string | Buffer, header: TarHeader): void {
  for (const [name, value] of header.xattrs) {
    if (isOverlayXattr(name)) {
      throw new GantryError('INVALID_ARGUMENT', `it sets overlayfs' own attribute ${shownName(name)}`);
    }
    // A label of the host that made the image means nothing on this one; and Linux has none of users' but here.
    const isMeant = name !== 'security.selinux' && (!name.startsWith('user.') || HAS_USER_XATTRS.has(header.type));
    if (isMeant) setXattr(native, path, name, value);
  }
}

function setXattr(native: Pick<LayerNative, 'setXattr'>, path: string | Buffer, name: string, value: Buffer): void {
  try {
    native.setXattr(path, name, value);
  } catch (error) {
    throw attributeError(name, value.length, error);
  }
}

function formatBits(header: TarHeader): number {
  if (header.type === 'character') return S_IFCHR;
  return header.type === 'block' ? S_IFBLK : S_IFIFO;
}
