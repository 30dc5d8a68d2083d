/** Names of containers: what they may be. */
import { GantryError } from '../../proto/errors.ts';

const VALID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Throws INVALID_ARGUMENT. */
export function validateName(name: string): void {
  if (VALID.test(name)) return;
  throw new GantryError('INVALID_ARGUMENT', `invalid container name "${name}"`, {
    hint: 'two or more of letters, digits, "_", "." and "-", the first a letter or digit',
  });
}
