import { describe, expect, it } from 'vitest';
import { type CopyDestination, parseCopyPath, planCopy } from './copy-paths.ts';

describe('a path of cp', () => {
  it.each([
    ['web:/etc/hosts', { kind: 'container', reference: 'web', path: '/etc/hosts' }],
    ['web:etc', { kind: 'container', reference: 'web', path: '/etc' }],
    ['web:', { kind: 'container', reference: 'web', path: '/' }],
    ['web:/a:b', { kind: 'container', reference: 'web', path: '/a:b' }],
    ['./a:b', { kind: 'local', path: './a:b' }],
    ['/tmp/a:b', { kind: 'local', path: '/tmp/a:b' }],
    ['file', { kind: 'local', path: 'file' }],
    [':/x', { kind: 'local', path: ':/x' }],
    ['-', { kind: 'stream' }],
  ])('%s', (text, expected) => {
    expect(parseCopyPath(text)).toEqual(expected);
  });
});

describe('a copy', () => {
  const plan = (source: string, isDirectory: boolean, path: string, kind: CopyDestination['kind']) =>
    planCopy({ path: source, isDirectory }, { path, kind });

  it.each([
    ['a file into a directory', '/a/f', false, '/d', 'directory', { directory: '/d', name: 'f' }],
    ['a file over a file', '/a/f', false, '/d/g', 'file', { directory: '/d', name: 'g' }],
    ['a file that is new', '/a/f', false, '/d/g', 'missing', { directory: '/d', name: 'g' }],
    ['a directory into a directory', '/a/d', true, '/e', 'directory', { directory: '/e', name: 'd' }],
    ['a directory written with a slash', '/a/d/', true, '/e', 'directory', { directory: '/e', name: 'd' }],
    ["a directory's content", '/a/d/.', true, '/e', 'directory', { directory: '/e', name: '.' }],
    ['a directory that is new', '/a/d', true, '/e/f/', 'missing', { directory: '/e', name: 'f' }],
    ["a directory's content, as one that is new", '/a/d/.', true, '/e/f', 'missing', { directory: '/e', name: 'f' }],
    ['the root', '/', true, '/e', 'directory', { directory: '/e', name: '.' }],
    ['the working directory', '.', true, '/e', 'directory', { directory: '/e', name: '.' }],
    ['a file with a relative name', 'f', false, '/e', 'directory', { directory: '/e', name: 'f' }],
    ['into the root', 'f', false, '/g', 'missing', { directory: '/', name: 'g' }],
  ] as const)('of %s', (_what, source, isDirectory, path, kind, expected) => {
    expect(plan(source, isDirectory, path, kind)).toEqual(expected);
  });

  it.each([
    ['a directory over a file', '/a/d', true, '/e/f', 'file', 'cannot copy the directory'],
    ['a file to a directory that is not there', '/a/f', false, '/e/f/', 'missing', 'there is no directory'],
    ['a file to a file as if that were a directory', '/a/f', false, '/e/f/', 'file', 'is not a directory'],
  ] as const)('of %s is refused', (_what, source, isDirectory, path, kind, expected) => {
    expect(() => plan(source, isDirectory, path, kind)).toThrow(expected);
  });
});
