import { describe, expect, it } from 'vitest';
import { verbFirst } from './compose-words.ts';

describe('options of compose before its verb', () => {
  it.each([
    [
      ['up', '-d'],
      ['up', '-d'],
    ],
    [
      ['-f', 'a.yml', '-p', 'shop', 'logs', '-f'],
      ['logs', '--file', 'a.yml', '--project-name', 'shop', '-f'],
    ],
    [
      ['--file=a.yml', '--profile', 'dev', 'ps'],
      ['ps', '--file', 'a.yml', '--profile', 'dev'],
    ],
    [
      ['-fa.yml', 'exec', '-T', 'web', 'ls', '-p'],
      ['exec', '--file', 'a.yml', '-T', 'web', 'ls', '-p'],
    ],
    [
      ['-f', 'a.yml'],
      ['-f', 'a.yml'],
    ],
    [
      ['-f', 'a.yml', '--help'],
      ['-f', 'a.yml', '--help'],
    ],
    [
      ['--dry-run', '--progress', 'plain', 'up', '-d'],
      ['up', '--dry-run', '--progress', 'plain', '-d'],
    ],
    [
      ['--nope', 'up'],
      ['--nope', 'up'],
    ],
  ])('%j', (words, expected) => {
    expect(verbFirst(words)).toEqual(expected);
  });
});
