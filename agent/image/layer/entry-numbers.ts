/** Numbers of a tar entry that a file can't have. Pure. */
import { GantryError } from '../../../proto/errors.ts';
import type { TarHeader } from '../tar/header.ts';

/** What chown(2) and mknod(2) take; (uid_t) -1 means "leave it". */
const MAX_ID = 2 ** 32 - 2;
const MAX_MAJOR = 2 ** 12 - 1;
const MAX_MINOR = 2 ** 20 - 1;

/** Throws INVALID_ARGUMENT. */
export function checkNumbers({ type, uid, gid, deviceMajor, deviceMinor }: TarHeader): void {
  if (Math.min(uid, gid) < 0 || Math.max(uid, gid) > MAX_ID) {
    throw new GantryError('INVALID_ARGUMENT', `its owner ${uid}:${gid} is out of range`);
  }
  if (type !== 'character' && type !== 'block') return;
  if (Math.min(deviceMajor, deviceMinor) < 0 || deviceMajor > MAX_MAJOR || deviceMinor > MAX_MINOR) {
    throw new GantryError('INVALID_ARGUMENT', `its device number ${deviceMajor}:${deviceMinor} is out of range`);
  }
}
