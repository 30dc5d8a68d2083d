/** What a project is called (Compose specification, "name"; docker compose's order of precedence). */
import { basename } from 'node:path';
import { GantryError } from '../../../proto/errors.ts';
import { InterpolationError, interpolate, type Lookup } from '../syntax/interpolation.ts';
import { ProblemError } from '../syntax/problem.ts';
import type { Mapping } from '../syntax/tree.ts';

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
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
  const fromDirectory = basename(directory)
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
  return named ?? own ?? (NAME.test(fromDirectory) ? fromDirectory : 'stack');
}

function ownName(trees: readonly Mapping[], lookup: Lookup): string | undefined {
  const entry = trees.map((tree) => tree.entries.get('name')).findLast((found) => found !== undefined);
  if (entry?.value.kind !== 'scalar' || entry.value.value === null) return undefined;
  const { position, text } = entry.value;
  try {
    const name = interpolate(text, lookup).text;
    if (name === '') return undefined;
    if (NAME.test(name)) return name;
    throw new ProblemError({ position, key: 'name', message: `invalid name "${name}"`, hint: HINT });
  } catch (error) {
    // Interpolating the whole file tells of it, with all that is wrong besides.
    if (error instanceof InterpolationError) return undefined;
    throw error;
  }
}
