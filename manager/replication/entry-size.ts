/** How large an entry may be: what every implementation of the log takes. */
import { GantryError } from '../../proto/errors.ts';

const MAX_ENTRY_BYTES = 16 * 1024 * 1024;

/** Why this is too much for one entry; undefined when it isn't. */
export function entrySizeProblem({ byteLength }: Uint8Array): GantryError | undefined {
  if (byteLength <= MAX_ENTRY_BYTES) return undefined;
  return new GantryError(
    'INVALID_ARGUMENT',
    `a change of ${byteLength} bytes is too large: the log takes ${MAX_ENTRY_BYTES}`,
    {
      hint: 'make several smaller changes of it',
    },
  );
}
