/** Go's filepath.Match, in which Docker's filters and COPY sources are written. Pure. */
import { GantryError } from '../../proto/errors.ts';

export function hasWildcard(pattern: string): boolean {
  return /[*?[\\]/.test(pattern);
}

/**
 * The pattern as a regular expression for whole names: "*" and "?" don't match "/", "[a-z]" and "[^a-z]" are
 * classes, "\" takes a character's meaning away. Throws INVALID_ARGUMENT for a malformed pattern.
 */
export function compilePattern(pattern: string): RegExp {
  let source = '';
  for (let index = 0; index < pattern.length; index++) {
    const char = pattern.charAt(index);
    if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '[') {
      const end = classEnd(pattern, index);
      source += characterClass(pattern.slice(index + 1, end));
      index = end;
    } else if (char === '\\') {
      index++;
      if (index === pattern.length) throw malformed(pattern);
      source += escapeRegExp(pattern.charAt(index));
    } else source += escapeRegExp(char);
  }
  return new RegExp(`^${source}$`, 's');
}

function classEnd(pattern: string, start: number): number {
  for (let index = start + 1; index < pattern.length; index++) {
    if (pattern.charAt(index) === '\\') index++;
    else if (pattern.charAt(index) === ']' && index > start + 1) return index;
  }
  throw malformed(pattern);
}

function characterClass(body: string): string {
  const negated = body.startsWith('^');
  const inner = (negated ? body.slice(1) : body).replace(/\\(.)|[[\]^\\]/gs, (found, quoted?: string) =>
    quoted === undefined ? `\\${found}` : escapeRegExp(quoted),
  );
  return `[${negated ? '^' : ''}${inner}]`;
}

function escapeRegExp(char: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(char) ? `\\${char}` : char;
}

function malformed(pattern: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `malformed pattern ${JSON.stringify(pattern)}`);
}
