/** What goes wrong with one entry of an archive, as errors that name it. Pure. */
import { GantryError } from '../../../proto/errors.ts';
import { shownName } from '../tar/header.ts';

/** Of an attribute ENOSPC says that it is larger than a block, not that the disk is full. */
const TOO_LARGE = ['ENOSPC', 'E2BIG', 'ERANGE'];

export function attributeError(name: string, bytes: number, error: unknown): unknown {
  if (!TOO_LARGE.some((code) => hasCode(error, code))) return error;
  const what = `its attribute ${shownName(name)} of ${bytes} bytes does not fit into this file system`;
  return new GantryError('INVALID_ARGUMENT', what, { cause: error });
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** The error with the entry's name; the host's own (disk full, ...) are told apart from those of the archive. */
export function entryError(name: string, error: unknown): GantryError {
  const { code, message, hint } = reasonOf(error);
  return new GantryError(code, `entry ${shownName(name)}: ${message}`, { cause: error, hint });
}

function reasonOf(error: unknown): Pick<GantryError, 'code' | 'message' | 'hint'> {
  if (error instanceof GantryError) return error;
  if (hasCode(error, 'ENAMETOOLONG')) return { code: 'INVALID_ARGUMENT', message: 'its path is too long', hint: '' };
  return { code: 'HOST', message: error instanceof Error ? error.message : String(error), hint: '' };
}
