/** Mounts the volumes of the local driver that have a device. */
import { lookup } from 'node:dns/promises';
import { readFile, realpath } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Native } from '../../native/addon/native.ts';
import { GantryError } from '../../proto/errors.ts';
import { type MountPlan, MS_BIND, MS_REMOUNT, withAddress } from './mount-plan.ts';

const MNT_DETACH = 2;

/** Is something mounted at the path? */
async function isMountPoint(path: string): Promise<boolean> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  // proc(5): blank, tab, newline and backslash are written in octal.
  const escaped = (await realpath(path)).replaceAll(
    /[ \t\n\\]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
  return table.split('\n').some((line) => line.split(' ')[4] === escaped);
}

/** Without effect when it is mounted already, as after a restart of the agent. */
export async function mountVolume(native: Native, name: string, plan: MountPlan, target: string): Promise<void> {
  if (await isMountPoint(target)) return;
  try {
    const data = plan.host === undefined ? plan.data : withAddress(plan, await resolve(plan.host));
    await native.mount(plan.device, target, plan.type, plan.flags, data);
    // The kernel takes no other flags with a bind mount: they are set on the mount once it is there.
    if ((plan.flags & MS_BIND) !== 0 && plan.flags !== MS_BIND) await applyBindFlags(native, plan, target);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GantryError('HOST', `cannot mount volume ${name} (${plan.type} ${plan.device}): ${reason}`, { cause });
  }
}

async function applyBindFlags(native: Native, plan: MountPlan, target: string): Promise<void> {
  try {
    await native.mount('', target, '', plan.flags | MS_REMOUNT, '');
  } catch (error) {
    await native.unmount(target, MNT_DETACH);
    throw error;
  }
}

async function resolve(host: string): Promise<string> {
  return isIP(host) === 0 ? (await lookup(host)).address : host;
}

/** Without effect when nothing is mounted. What is still busy, as by a shell of the user's, goes when it is let go. */
export async function unmountVolume(native: Native, target: string): Promise<void> {
  while (await isMountPoint(target)) {
    try {
      await native.unmount(target, 0);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Unmounted by somebody else meanwhile.
      if (code === 'EINVAL') return;
      if (code !== 'EBUSY') throw error;
      await native.unmount(target, MNT_DETACH);
    }
  }
}
