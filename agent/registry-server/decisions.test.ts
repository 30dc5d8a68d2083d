import { describe, expect, it } from 'vitest';
import { parseUsers } from './logins.ts';
import { pushedHost } from './own-hosts.ts';
import { pageOf, readPage } from './page.ts';
import { chunkRange, receivedRange, requestedRange } from './range.ts';
import { parseRoute } from './route.ts';
import { isSha512Crypt, matchesSha512Crypt } from './sha512-crypt.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('a path', () => {
  it.each([
    ['/v2/', { kind: 'root' }],
    ['/v2/_catalog', { kind: 'catalog' }],
    ['/v2/shop/web/tags/list', { kind: 'tags', repository: 'shop/web' }],
    ['/v2/shop/web/manifests/1', { kind: 'manifest', repository: 'shop/web', reference: { kind: 'tag', tag: '1' } }],
    [
      `/v2/web/manifests/${DIGEST}`,
      { kind: 'manifest', repository: 'web', reference: { kind: 'digest', digest: DIGEST } },
    ],
    [`/v2/web/blobs/${DIGEST.replace(':', '%3A')}`, { kind: 'blob', repository: 'web', digest: DIGEST }],
    ['/v2/web/blobs/uploads/', { kind: 'uploads', repository: 'web' }],
    ['/v2/web/blobs/uploads', { kind: 'uploads', repository: 'web' }],
    ['/v2/web/blobs/uploads/0a1b', { kind: 'upload', repository: 'web', id: '0a1b' }],
    [`/v2/web/referrers/${DIGEST}`, { kind: 'referrers', repository: 'web', digest: DIGEST }],
    ['/v2/a/blobs/manifests/1', { kind: 'manifest', repository: 'a/blobs', reference: { kind: 'tag', tag: '1' } }],
  ])('%s is an end point', (path, route) => {
    expect(parseRoute(path)).toEqual(route);
  });

  it.each([
    ['/v2/../etc/manifests/1', 'NAME_INVALID'],
    ['/v2/web/../../manifests/1', 'NAME_INVALID'],
    ['/v2/%2e%2e%2fetc/manifests/1', 'NAME_INVALID'],
    ['/v2/Web/tags/list', 'NAME_INVALID'],
    [`/v2/${'a'.repeat(256)}/tags/list`, 'NAME_INVALID'],
    ['/v2/web%00/tags/list', 'NAME_INVALID'],
    ['/v2/web/manifests/%', 'NAME_INVALID'],
    ['/v2/web/manifests/..%2f..%2f1', 'NAME_UNKNOWN'],
    ['/v2/web/manifests/-a', 'MANIFEST_INVALID'],
    ['/v2/web/blobs/sha256:..', 'DIGEST_INVALID'],
    [`/v2/web/blobs/sha512:${'a'.repeat(128)}`, 'DIGEST_INVALID'],
    ['/v2/web', 'NAME_UNKNOWN'],
    ['/', 'NAME_UNKNOWN'],
  ])('%s is refused', (path, code) => {
    expect(() => parseRoute(path)).toThrow(expect.objectContaining({ code }));
  });
});

describe('a range', () => {
  it.each([
    [undefined, undefined],
    ['bytes=0-4', { start: 0, end: 4 }],
    ['bytes=4-', { start: 4, end: 9 }],
    ['bytes=4-100', { start: 4, end: 9 }],
    ['bytes=-3', { start: 7, end: 9 }],
    ['bytes=-30', { start: 0, end: 9 }],
    ['bytes=0-1,4-5', undefined],
    ['lines=1-2', undefined],
  ])('%s of ten bytes', (header, range) => {
    expect(requestedRange(header, 10)).toEqual(range);
  });

  it.each(['bytes=10-', 'bytes=5-4', 'bytes=-0'])('%s of ten bytes is refused', (header) => {
    expect(() => requestedRange(header, 10)).toThrow(expect.objectContaining({ status: 416 }));
  });

  it('of a chunk and of what has come', () => {
    expect(chunkRange('5-9')).toEqual({ start: 5, end: 9 });
    expect(chunkRange('bytes 5-9/*')).toEqual({ start: 5, end: 9 });
    expect(chunkRange(undefined)).toBeUndefined();
    expect(() => chunkRange('9-5')).toThrow(expect.objectContaining({ status: 416 }));
    expect([receivedRange(0), receivedRange(10)]).toEqual(['0-0', '0-9']);
  });
});

describe('a page', () => {
  const page = (query: string) => pageOf(['c', 'a', 'b'], readPage(new URLSearchParams(query)));
  it('is a part of the sorted list, and says where the next begins', () => {
    expect(page('')).toEqual({ names: ['a', 'b', 'c'], next: undefined });
    expect(page('n=2')).toEqual({ names: ['a', 'b'], next: 'n=2&last=b' });
    expect(page('n=2&last=b')).toEqual({ names: ['c'], next: undefined });
    expect(page('last=a')).toEqual({ names: ['b', 'c'], next: undefined });
    expect(page('n=0')).toEqual({ names: [], next: undefined });
  });
});

describe('a name that is pushed to', () => {
  const own = { port: 5000, names: ['h1'], further: ['images.example', 'lb.example:443'] };
  it.each([
    ['h1:5000', '10.0.0.1', 'h1:5000'],
    ['H1:5000', '10.0.0.1', 'h1:5000'],
    ['10.0.0.1:5000', '::ffff:10.0.0.1', '10.0.0.1:5000'],
    ['[fd00::1]:5000', 'fd00::1', '[fd00::1]:5000'],
    ['localhost:5000', '127.0.0.1', 'localhost:5000'],
    ['images.example', '10.0.0.1', 'images.example'],
  ])('%s at %s begins the image’s', (header, address, host) => {
    expect(pushedHost(header, address, own)).toBe(host);
  });

  it.each(['docker.io', 'reg.example:5000', '10.0.0.2:5000', 'h1', '', undefined])('is not %s', (header) => {
    expect(() => pushedHost(header, '10.0.0.1', own)).toThrow(expect.objectContaining({ code: 'DENIED' }));
  });
});

describe('passwords by SHA-512', () => {
  // Of `openssl passwd -6`, and of the specification.
  it.each([
    ['secret', '$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.'],
    [
      'Hello world!',
      '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
    ],
    [
      'Hello world!',
      '$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
    ],
  ])('%s is right', (password, entry) => {
    expect(isSha512Crypt(entry)).toBe(true);
    expect(matchesSha512Crypt(password, entry)).toBe(true);
    expect(matchesSha512Crypt(`${password} `, entry)).toBe(false);
  });

  it('stand in a file by their users', () => {
    const hash = `$6$salt$${'a'.repeat(86)}`;
    expect([...parseUsers(`# users\n\nci:${hash}\nana:${hash}\n`, 'f').keys()]).toEqual(['ci', 'ana']);
    expect(() => parseUsers('ci:$2y$05$abc\n', 'f')).toThrow('f:1: not NAME:HASH with a hash that begins with $6$');
    expect(() => parseUsers(`a:${hash}\nci\n`, 'f')).toThrow('f:2: ');
    expect(() => parseUsers(`a:$6$rounds=999999999$x$${'a'.repeat(86)}`, 'f')).toThrow('f:1: ');
  });
});
