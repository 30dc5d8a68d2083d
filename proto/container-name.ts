/** What the names of containers may be, whether a user or a service's spec gives them. */
import { GantryError } from './errors.ts';

const VALID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Throws INVALID_ARGUMENT. */
export function validateContainerName(name: string): void {
  if (VALID.test(name)) return;
  throw new GantryError('INVALID_ARGUMENT', `invalid container name "${name}"`, {
    hint: 'two or more of letters, digits, "_", "." and "-", the first a letter or digit',
  });
}
