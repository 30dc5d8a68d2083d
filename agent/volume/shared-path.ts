/** Whether what is at a path of this host may be at the same path of others: on a file system that hosts share. */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';

/** linux/magic.h, and the file systems' own headers. FUSE is what GlusterFS and the like are mounted by. */
const SHARED = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x00c36400, 'Ceph'],
  [0x65735546, 'FUSE'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'kAFS'],
  [0x01021997, '9p'],
  [0x7461636f, 'OCFS2'],
  [0x01161970, 'GFS2'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
]);

export function isSharedType(type: number): boolean {
  // statfs(2) has it signed.
  return SHARED.has(type >>> 0);
}

/** What isn't there yet will be where its parent is. */
export function isSharedPath(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    const type = typeAt(at);
    if (type !== undefined) return isSharedType(type);
    if (at === dirname(at)) return false;
  }
}

function typeAt(path: string): number | undefined {
  try {
    return statfsSync(path).type;
  } catch {
    // Not there, or its server doesn't answer: then nothing is known of it.
    return undefined;
  }
}
