/** Files that --exclude leaves out of a copy, by patterns as .dockerignore has them. Pure. */
import { parseIgnorePatterns } from '../../../proto/ignore-patterns.ts';

/** Of a path relative to the copied directory, or the name of a copied file. */
export type Exclusion = (path: string) => boolean;

/** Throws INVALID_ARGUMENT for a pattern that means nothing. */
export function exclusionOf(patterns: readonly string[]): Exclusion {
  if (patterns.length === 0) return () => false;
  const { ignores } = parseIgnorePatterns(patterns.join('\n'), '--exclude');
  return (path) => path !== '' && ignores(path);
}
