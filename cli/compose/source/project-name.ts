/** What a project is called (Compose specification, "name"; docker compose's order of precedence). */
import { basename } from 'node:path';
import { GantryError } from '../../../proto/errors.ts';
import { InterpolationError, interpolate, type Lookup } from '../syntax/interpolation.ts';
import type { Mapping } from '../syntax/tree.ts';

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const MAX_LENGTH = 63;
const HINT = 'use lower-case letters, digits, "-" and "_"; start with a letter or digit';

/** That of the command line, else COMPOSE_PROJECT_NAME, else of the last file that has one, else of the directory. */
export function projectName(
  given: string | undefined,
  trees: readonly Mapping[],
  lookup: Lookup,
  directory: string,
): string {
  const own = ownName(trees, lookup);
  const named = given ?? (lookup('COMPOSE_PROJECT_NAME') || undefined);
  if (named !== undefined && !NAME.test(named)) {
    throw new GantryError('INVALID_ARGUMENT', `invalid stack name "${named}"`, { hint: HINT });
  }
  return named ?? own ?? (cleanName(basename(directory)) || 'stack');
}

/** What of it a name may have; "" when that is nothing. */
function cleanName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '')
    .slice(0, MAX_LENGTH);
}

function ownName(trees: readonly Mapping[], lookup: Lookup): string | undefined {
  const entry = trees.map((tree) => tree.entries.get('name')).findLast((found) => found !== undefined);
  if (entry?.value.kind !== 'scalar' || entry.value.value === null) return undefined;
  const { text } = entry.value;
  try {
    // That of a file is made one that can be used, as Compose does it; one that was typed is refused.
    return cleanName(interpolate(text, lookup).text) || undefined;
  } catch (error) {
    // Interpolating the whole file tells of it, with all that is wrong besides.
    if (error instanceof InterpolationError) return undefined;
    throw error;
  }
}
