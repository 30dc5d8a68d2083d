/** Files that --exclude leaves out of a copy, by patterns as .dockerignore has them. Pure. */
import dockerignore from '@balena/dockerignore';

/** Of a path relative to the copied directory, or the name of a copied file. */
export type Exclusion = (path: string) => boolean;

export function exclusionOf(patterns: readonly string[]): Exclusion {
  if (patterns.length === 0) return () => false;
  const matcher = dockerignore({ ignorecase: false }).add([...patterns]);
  return (path) => path !== '' && matcher.ignores(path);
}
