/** One gantryd per data root and per exec root, kept by locks that end with the process, however it ends. */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Native } from '../../native/addon/native.ts';
import { GantryError } from '../../proto/errors.ts';

export const LOCK_FILE = 'gantryd.lock';

/** Makes the directories and locks them. IN_USE when another gantryd has one. The locks last as long as the process. */
export function lockRoots(roots: readonly string[], native: Pick<Native, 'tryLock'>): void {
  for (const root of new Set(roots)) {
    mkdirSync(root, { recursive: true, mode: 0o711 });
    // Never closed: the lock is the open file's. Node opens with O_CLOEXEC, so no shim inherits it.
    const fd = openSync(join(root, LOCK_FILE), 'w', 0o600);
    if (native.tryLock(fd)) continue;
    closeSync(fd);
    throw new GantryError('IN_USE', `another gantryd uses ${root}`, {
      hint: 'stop that one, or give this one directories of its own with --data-root and --exec-root',
    });
  }
}
