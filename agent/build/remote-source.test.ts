import { describe, expect, it } from 'vitest';
import { parseChecksum, parseRemoteSource, urlFileName } from './remote-source.ts';

const git = (repository: string, ref = '', directory = '') => ({ kind: 'git', repository, ref, directory });

describe('remote sources', () => {
  it.each([
    ['a/b.txt', undefined],
    ['https://example.com/a.tar.gz', { kind: 'url', url: 'https://example.com/a.tar.gz' }],
    ['https://example.com/a.git', git('https://example.com/a.git')],
    ['https://example.com/a.git#v1:docs/', git('https://example.com/a.git', 'v1', 'docs/')],
    ['https://example.com/a.git#:../x', git('https://example.com/a.git', '', 'x')],
    ['https://example.com/a.git?branch=main&subdir=x', git('https://example.com/a.git', 'main', 'x')],
    ['git@example.com:a/b.git#main', git('git@example.com:a/b.git', 'main')],
    ['ssh://git@example.com/a/b', git('ssh://git@example.com/a/b')],
    ['git://example.com/a', git('git://example.com/a')],
  ])('%s', (text, expected) => {
    expect(parseRemoteSource(text)).toEqual(expected);
  });

  it.each([
    ['ftp://example.com/x', /are not supported/],
    ['https://', /no URL/],
    ['git://example.com/a#--upload-pack=x', /no git repository/],
  ])('refuses %s', (text, message) => {
    expect(() => parseRemoteSource(text)).toThrow(message);
  });

  it('name files by their path', () => {
    expect(urlFileName('https://example.com/d/a%20b.txt?x=1')).toBe('a b.txt');
    expect(() => urlFileName('https://example.com/')).toThrow(/no name/);
    expect(() => urlFileName('https://example.com/a%2Fb')).toThrow(/no name/);
  });

  it('have checksums of their kind', () => {
    const url = { kind: 'url', url: 'https://example.com/x' } as const;
    expect(parseChecksum(`sha256:${'a'.repeat(64)}`, url)).toEqual({ kind: 'sha256', hex: 'a'.repeat(64) });
    expect(() => parseChecksum('md5:1', url)).toThrow(/--checksum=md5:1 can't be checked/);
    expect(() => parseChecksum('sha256:1', { ...git('x'), kind: 'git' })).toThrow(/can't be checked/);
  });
});
