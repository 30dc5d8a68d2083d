/**
 * net.ipv4.ip_forward of the host. Switched on when the first network needs it, and off again at shutdown if it was
 * us who switched it on; a mark on disk remembers that across restarts and crashes.
 */
import { readFile, writeFile } from 'node:fs/promises';
import type { NetworkStore } from './store.ts';

const FILE = '/proc/sys/net/ipv4/ip_forward';

/** True: it was off. */
export async function enableForwarding(store: NetworkStore): Promise<boolean> {
  if ((await readFile(FILE, 'utf8')).trim() === '1') return false;
  // The mark first: after a crash between the two, switching off what is off does no harm.
  await store.markForwarding();
  await writeFile(FILE, '1');
  return true;
}

export async function restoreForwarding(store: NetworkStore): Promise<void> {
  if (!(await store.forwardingIsOurs())) return;
  await writeFile(FILE, '0');
  await store.unmarkForwarding();
}
