/**
 * Patterns that say which files aren't part of a build, as .dockerignore and COPY --exclude have them. Pure.
 * Source: docs.docker.com/build/concepts/context, ".dockerignore files".
 */
import dockerignore from '@balena/dockerignore';
import { GantryError } from './errors.ts';

export interface IgnorePatterns {
  /** `path` has no slash at its start. */
  readonly ignores: (path: string) => boolean;
  /** There are lines such as !dir/keep: a directory that is ignored may hold files that aren't. */
  readonly hasExceptions: boolean;
}

/** `file` is what the text is called in errors. Throws INVALID_ARGUMENT with the line of a pattern that means nothing. */
export function parseIgnorePatterns(text: string, file: string): IgnorePatterns {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line, index) => ({ pattern: line.startsWith('#') ? '' : line.trim(), at: `${file}:${index + 1}` }))
    .filter(({ pattern }) => pattern !== '');
  for (const { pattern, at } of lines) check(pattern, at);
  const patterns = compile(lines.map(({ pattern }) => escapeLiterals(pattern)));
  return {
    ignores: (path) => patterns.ignores(path),
    hasExceptions: lines.some(({ pattern }) => pattern.startsWith('!')),
  };
}

function check(pattern: string, at: string): void {
  if (pattern === '!')
    throw new GantryError('INVALID_ARGUMENT', `${at}: illegal exclusion pattern: "!"`, { hint: 'write !PATTERN' });
  try {
    compile([escapeLiterals(pattern)]).ignores('any');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new GantryError('INVALID_ARGUMENT', `${at}: malformed pattern ${JSON.stringify(pattern)}`, { cause: error });
  }
}

function compile(patterns: readonly string[]): ReturnType<typeof dockerignore> {
  return dockerignore({ ignorecase: false }).add([...patterns]);
}

/** Of what means something in regular expressions, which the library makes of patterns, and nothing in patterns: "c++". */
function escapeLiterals(pattern: string): string {
  return pattern.replaceAll(/\\.|\[(?:\\.|[^\]\\])*\]|[+(){}|^#]/gs, (found) =>
    found.length === 1 ? `\\${found}` : found,
  );
}
