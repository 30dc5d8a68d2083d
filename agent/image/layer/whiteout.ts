/**
 * The two notations for what a layer takes away from those below it. In a tar (OCI image spec, "layer", Whiteouts):
 * a file ".wh.NAME", and ".wh..wh..opq" in a directory none of whose lower content shows. In overlayfs (the kernel's
 * Documentation/filesystems/overlayfs.rst): a character device 0/0 of that name, and an xattr on the directory.
 */
import type { Stats } from 'node:fs';

const PREFIX = '.wh.';
const META_PREFIX = '.wh..wh.';
export const OPAQUE_NAME = '.wh..wh..opq';

export const OPAQUE_XATTR = 'trusted.overlay.opaque';
export const OPAQUE_VALUE: Buffer = Buffer.from('y');
/** overlayfs' own bookkeeping; neither goes into a tar nor is taken from one. */
export const OVERLAY_XATTRS: readonly string[] = ['trusted.overlay.', 'user.overlay.'];

export type Whiteout =
  | { readonly kind: 'none' }
  | { readonly kind: 'opaque' }
  | { readonly kind: 'file'; readonly name: string };

/** What an entry of that base name stands for in a layer's tar. */
export function parseWhiteout(base: string): Whiteout {
  if (!base.startsWith(PREFIX)) return { kind: 'none' };
  if (base === OPAQUE_NAME) return { kind: 'opaque' };
  return { kind: 'file', name: base.slice(PREFIX.length) };
}

/** What AUFS kept for itself, and all below it. */
export function isAufsBookkeeping(path: string): boolean {
  if (!path.includes(META_PREFIX)) return false;
  const parts = path.split('/');
  return parts.some((part, index) => {
    const isOpaque = part === OPAQUE_NAME && index === parts.length - 1;
    return part.startsWith(META_PREFIX) && !isOpaque;
  });
}

export function whiteoutName(base: string): string {
  return PREFIX + base;
}

export function isOverlayWhiteout(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0;
}

export function isOverlayXattr(name: string): boolean {
  return OVERLAY_XATTRS.some((prefix) => name.startsWith(prefix));
}
