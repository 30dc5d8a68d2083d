/** Patterns in ${NAME#pattern}, ${NAME%pattern} and ${NAME/pattern/text}: "*", "?", and "\" before either. Pure. */

type Extent = 'shortest' | 'longest';

/** The value without what the pattern matches at its start; as it is without a match. */
export function withoutPrefix(value: string, pattern: string, extent: Extent): string {
  const whole = new RegExp(`^${source(pattern)}$`, 's');
  const lengths = lengthsOf(value, extent);
  const length = lengths.find((candidate) => whole.test(value.slice(0, candidate)));
  return length === undefined ? value : value.slice(length);
}

/** The same at its end. */
export function withoutSuffix(value: string, pattern: string, extent: Extent): string {
  const whole = new RegExp(`^${source(pattern)}$`, 's');
  const length = lengthsOf(value, extent).find((candidate) => whole.test(value.slice(value.length - candidate)));
  return length === undefined ? value : value.slice(0, value.length - length);
}

/** The value with the first match, or all of them, replaced; a match is as long as it can be. */
export function withReplaced(value: string, pattern: string, replacement: string, which: 'first' | 'all'): string {
  const match = new RegExp(source(pattern), which === 'all' ? 'gs' : 's');
  // A function: "$&" in the replacement means nothing.
  return pattern === '' ? value : value.replace(match, () => replacement);
}

function lengthsOf(value: string, extent: Extent): number[] {
  const lengths = Array.from({ length: value.length + 1 }, (_, length) => length);
  return extent === 'shortest' ? lengths : lengths.reverse();
}

function source(pattern: string): string {
  return pattern.replaceAll(/\\(.)|\*+|\?|[^*?\\]|\\$/gs, (found, quoted?: string) => {
    if (quoted !== undefined) return escapeRegExp(quoted);
    if (found.startsWith('*')) return '.*';
    return found === '?' ? '.' : escapeRegExp(found);
  });
}

function escapeRegExp(char: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(char) ? `\\${char}` : char;
}
