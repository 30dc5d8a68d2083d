/** Paths of a container, whatever its links say. */
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DIRECTORY_FLAGS } from '../../image/layer/tree-entry.ts';
import { linkTarget, openPath } from './path-in-root.ts';

let directory: string;
let root: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-path-'));
  mkdirSync(join(directory, 'root/a/b'), { recursive: true });
  writeFileSync(join(directory, 'root/a/b/file'), 'text');
  writeFileSync(join(directory, 'outside'), 'secret');
  for (const [name, target] of Object.entries({
    'a/up': '../../../../outside',
    'a/absolute': '/a/b',
    'a/file': 'absolute/file',
    'a/loop': 'loop',
    'a/nowhere': '/gone/further',
  })) {
    symlinkSync(target, join(directory, 'root', name));
  }
  root = openSync(join(directory, 'root'), DIRECTORY_FLAGS);
});

afterEach(() => {
  closeSync(root);
  rmSync(directory, { recursive: true });
});

function find(path: string) {
  const found = openPath(root, path);
  found.close();
  return { path: found.path, kind: found.stats.isDirectory() ? 'directory' : found.stats.isFile() ? 'file' : 'link' };
}

describe('a path', () => {
  it.each([
    ['/', '/', 'directory'],
    ['/a/b/file', '/a/b/file', 'file'],
    ['a//./b/../b/', '/a/b', 'directory'],
    ['/../../a', '/a', 'directory'],
    ['/a/absolute', '/a/absolute', 'link'],
    ['/a/absolute/', '/a/b', 'directory'],
    ['/a/absolute/.', '/a/b', 'directory'],
    ['/a/absolute/file', '/a/b/file', 'file'],
    ['/a/nowhere', '/a/nowhere', 'link'],
    ['/a/absolute/../up', '/a/up', 'link'],
  ])('%s is %s', (path, real, kind) => {
    expect(find(path)).toEqual({ path: real, kind });
  });

  it.each([
    ['/gone', 'Could not find the file /gone'],
    ['/a/up/', 'Could not find the file /a/up/'],
    ['/a/b/file/', 'is not a directory'],
    ['/a/b/file/more', 'Could not find'],
    ['/a/loop/', 'too many symbolic links'],
  ])('%s is refused', (path, message) => {
    expect(() => find(path)).toThrow(message);
  });
});

describe('what a link leads to', () => {
  it.each([
    ['/a/absolute', '/a/b'],
    ['/a/file', '/a/b/file'],
    ['/a/up', '/outside'],
    ['/a/nowhere', '/gone/further'],
  ])('of %s is %s', (path, target) => {
    expect(linkTarget(root, path)).toBe(target);
  });
});
