import { describe, expect, it } from 'vitest';
import { parseIgnorePatterns } from './ignore-patterns.ts';

const PATHS = ['a', 'a/b', 'a/b/c.md', 'c++', 'c++/x', 'f', 'f.md', '#f', '(x)', 'x{2}', 'xx', '!f'];

function ignored(text: string): string[] {
  const { ignores } = parseIgnorePatterns(text, '.dockerignore');
  return PATHS.filter((path) => ignores(path));
}

describe('ignore patterns', () => {
  it.each([
    ['# a\n\n  f  \r\n./c++/\n', ['c++', 'c++/x', 'f']],
    ['**/*.md', ['a/b/c.md', 'f.md']],
    ['*\n!a/b\n! f', ['a', 'c++', 'c++/x', 'f.md', '#f', '(x)', 'x{2}', 'xx', '!f']],
    ['/a/../f\n', ['f']],
    ['\uFEFFf', ['f']],
    [' #f', ['#f']],
    ['(x)\nx{2}', ['(x)', 'x{2}']],
    ['[!x]f', ['!f']],
    ['a/**', ['a/b', 'a/b/c.md']],
  ])('%j', (text, expected) => {
    expect(ignored(text)).toEqual(expected);
  });

  it('know whether there are exceptions', () => {
    expect(parseIgnorePatterns('a\n  !a/b', '').hasExceptions).toBe(true);
    expect(parseIgnorePatterns('#!\na', '').hasExceptions).toBe(false);
  });

  it.each([
    ['a\n!\n', '.dockerignore:2: illegal exclusion pattern: "!"'],
    ['[b-a]', '.dockerignore:1: malformed pattern "[b-a]"'],
    ['\n[a', '.dockerignore:2: malformed pattern "[a"'],
  ])('%j mean nothing', (text, message) => {
    expect(() => parseIgnorePatterns(text, '.dockerignore')).toThrow(message);
  });
});
