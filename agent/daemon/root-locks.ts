/** One gantryd per data root and per exec root, kept by locks that end with the process, however it ends. */
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Native } from '../../native/addon/native.ts';
import { GantryError } from '../../proto/errors.ts';

export const LOCK_FILE = 'gantryd.lock';

export interface Roots {
  readonly dataRoot: string;
  readonly execRoot: string;
}

/**
 * Containers may leave set-user-ID programs in what lies below these: no other user of the host may reach them
 * (CVE-2021-41091). The exec root itself also has the sockets, which its group may use.
 */
const PRIVATE = 0o700;
const TRAVERSABLE = 0o711;

/** Makes the directories and locks them. IN_USE when another gantryd has one. The locks last as long as the process. */
export function lockRoots({ dataRoot, execRoot }: Roots, native: Pick<Native, 'tryLock'>): void {
  const modes = new Map([
    [dataRoot, PRIVATE],
    [execRoot, TRAVERSABLE],
  ]);
  for (const [root, mode] of modes) {
    mkdirSync(root, { recursive: true, mode });
    // One that was there may be open to all.
    chmodSync(root, mode);
    // Never closed: the lock is the open file's. Node opens with O_CLOEXEC, so no shim inherits it.
    const fd = openSync(join(root, LOCK_FILE), 'w', 0o600);
    if (native.tryLock(fd)) continue;
    closeSync(fd);
    throw new GantryError('IN_USE', `another gantryd uses ${root}`, {
      hint: 'stop that one, or give this one directories of its own with --data-root and --exec-root',
    });
  }
}
