/** Names of volumes, by Docker's rules. */
import { GantryError } from '../../proto/errors.ts';
import type { RandomBytes } from '../../proto/ids.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
/** NAME_MAX of every Linux file system: a volume's name is a directory's. */
const MAX_LENGTH = 255;

/** Throws INVALID_ARGUMENT. */
export function checkVolumeName(name: string): void {
  if (NAME.test(name) && name.length <= MAX_LENGTH) return;
  throw new GantryError('INVALID_ARGUMENT', `invalid volume name ${JSON.stringify(name)}`, {
    hint: 'a name is 2 to 255 of the characters [a-zA-Z0-9_.-] and begins with a letter or digit; a host directory is given by its absolute path',
  });
}

const ANONYMOUS = /^[0-9a-f]{64}$/;

export function isAnonymous(name: string): boolean {
  return ANONYMOUS.test(name);
}

/** 64 hex digits: what anonymous volumes are called. */
export function anonymousVolumeName(random: RandomBytes): string {
  return random(32).toString('hex');
}
