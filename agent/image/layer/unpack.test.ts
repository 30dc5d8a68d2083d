import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { native } from '../../../native/addon/native.ts';
import { checksum } from '../tar/header.ts';
import { isRoot, makeTar, type TestEntry } from '../testing/fixtures.ts';
import { pack } from './pack.ts';
import { type Unpacked, unpack } from './unpack.ts';

let dir: string;
let root: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-unpack-'));
  root = join(dir, 'root');
  mkdirSync(root);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function unpackTar(
  tar: Buffer,
  whiteouts: 'overlay' | 'literal' = 'overlay',
  maxBytes = 1 << 30,
): Promise<Unpacked> {
  const archive = join(dir, 'layer.tar');
  writeFileSync(archive, tar);
  return await unpack(
    { kind: 'unpack', archive, target: root, options: { whiteouts, maxBytes, maxEntries: 1000 }, verified: undefined },
    native,
  );
}

const unpackEntries = (entries: TestEntry[]) => unpackTar(makeTar(entries));
const at = (path: string) => join(root, path);

describe.runIf(isRoot)('unpacking a layer', () => {
  it('keeps modes with setuid, owners, times, links, devices and file capabilities', async () => {
    const capability = Buffer.from([1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    await unpackEntries([
      { name: './', mode: 0o711 },
      { name: './bin/', mtime: 1_500_000_000, uid: 5, gid: 6, mode: 0o1777 },
      { name: './bin/su', data: 'su', mode: 0o4755, uid: 1, gid: 2, mtime: 1_400_000_000 },
      { name: './old/', mtime: -300_000_000 },
      { name: './old/file', data: 'old', mtime: -300_000_001 },
      { name: './bin/ping', data: 'ping', xattrs: new Map([['security.capability', capability]]), uid: 7, mode: 0o555 },
      { name: './bin/sudo', type: 'link', linkName: './bin/su' },
      { name: './sh', type: 'symlink', linkName: '/bin/su', uid: 9 },
      { name: './null', type: 'character', deviceMajor: 1, deviceMinor: 3, mode: 0o666 },
    ]);
    expect(statSync(root).mode & 0o7777).toBe(0o711);
    expect(statSync(at('bin'))).toMatchObject({ uid: 5, gid: 6, mtimeMs: 1_500_000_000_000 });
    expect(statSync(at('bin')).mode & 0o7777).toBe(0o1777);
    expect(statSync(at('old')).mtimeMs).toBe(-300_000_000_000);
    expect(statSync(at('old/file')).mtimeMs).toBe(-300_000_001_000);
    expect(statSync(at('bin/su'))).toMatchObject({ uid: 1, gid: 2, mtimeMs: 1_400_000_000_000 });
    expect(statSync(at('bin/su')).mode & 0o7777).toBe(0o4755);
    expect(statSync(at('bin/sudo')).ino).toBe(statSync(at('bin/su')).ino);
    expect(native.getXattr(at('bin/ping'), 'security.capability')).toEqual(capability);
    expect(readlinkSync(at('sh'))).toBe('/bin/su');
    expect(lstatSync(at('sh')).uid).toBe(9);
    expect(lstatSync(at('null'))).toMatchObject({ rdev: 0x103 });
    expect(lstatSync(at('null')).mode & 0o7777).toBe(0o666);
  });

  it.each([
    ['plain', (tar: Buffer) => tar],
    ['gzip', (tar: Buffer) => gzipSync(tar)],
    [
      'gzip in two members',
      (tar: Buffer) => Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]),
    ],
    ['zstd', (tar: Buffer) => zstdCompressSync(tar)],
    [
      'zstd in two frames',
      (tar: Buffer) => Buffer.concat([zstdCompressSync(tar.subarray(0, 700)), zstdCompressSync(tar.subarray(700))]),
    ],
  ])('reads %s and gives the digest of the uncompressed tar', async (_, compress) => {
    const tar = makeTar([{ name: 'a', data: 'x'.repeat(3000) }]);
    const plain = await unpackTar(tar);
    rmSync(at('a'));
    const { diffId } = await unpackTar(compress(tar));
    expect(diffId).toBe(plain.diffId);
    expect(readFileSync(at('a'), 'utf8')).toBe('x'.repeat(3000));
  });

  it.each(['bzip2', 'xz'])('refuses %s by its name', async (program) => {
    const magic = program === 'xz' ? [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0] : [0x42, 0x5a, 0x68, 0x39, 0x31, 0x41];
    await expect(unpackTar(Buffer.from(magic))).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining(program),
    });
  });

  it('says when compressed data is damaged', async () => {
    const data = gzipSync(makeTar([{ name: 'a', data: 'x'.repeat(3000) }]));
    await expect(unpackTar(data.subarray(0, data.length - 20))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('gzip'),
    });
  });

  it("turns whiteouts into overlayfs' own", async () => {
    await unpackEntries([
      { name: 'etc/' },
      { name: 'etc/.wh.passwd', data: '' },
      { name: 'var/' },
      { name: 'var/.wh..wh..opq', data: '' },
      { name: 'var/new', data: 'new' },
      { name: '.wh..wh.plnk/1.2', data: 'bookkeeping of AUFS' },
    ]);
    expect(lstatSync(at('etc/passwd')).isCharacterDevice()).toBe(true);
    expect(lstatSync(at('etc/passwd')).rdev).toBe(0);
    expect(native.getXattr(at('var'), 'trusted.overlay.opaque')?.toString()).toBe('y');
    expect(readdirSync(at('var'))).toEqual(['new']);
  });

  it('lets a layer remove something and put another in its place', async () => {
    await unpackEntries([
      { name: '.wh.dir', data: '' },
      { name: 'dir/' },
      { name: 'dir/new', data: 'new' },
      { name: 'file', data: 'new' },
      { name: '.wh.file', data: '' },
      { name: '.wh.implicit', data: '' },
      { name: 'implicit/new', data: 'new' },
    ]);
    expect(native.getXattr(at('dir'), 'trusted.overlay.opaque')?.toString()).toBe('y');
    expect(native.getXattr(at('implicit'), 'trusted.overlay.opaque')?.toString()).toBe('y');
    expect(readFileSync(at('file'), 'utf8')).toBe('new');
  });

  it('names the directories that the tar has no entry for', async () => {
    const { implicit } = await unpackEntries([{ name: 'a/b/c', data: '' }, { name: 'd/' }, { name: 'a/b/' }]);
    expect(implicit).toEqual(['', 'a']);
  });
});

describe.runIf(isRoot)('a malicious layer', () => {
  const outside = () => join(dir, 'outside');
  beforeEach(() => {
    mkdirSync(outside());
    writeFileSync(join(outside(), 'victim'), 'untouched');
  });
  afterEach(() => {
    expect(readdirSync(outside())).toEqual(['victim']);
    expect(readFileSync(join(outside(), 'victim'), 'utf8')).toBe('untouched');
    expect(statSync(join(outside(), 'victim')).mode & 0o7777).toBe(0o644);
  });

  it.each(['../outside/evil', 'a/../../outside/evil', '/../outside/evil', './../outside/evil'])(
    'is refused for the name %s',
    async (name) => {
      await expect(unpackEntries([{ name, data: 'evil' }])).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining('leads outside'),
      });
    },
  );

  it('has its absolute names taken as relative to the root', async () => {
    await unpackEntries([{ name: `${outside()}/evil`, data: 'x' }]);
    expect(existsSync(at(`${outside()}/evil`))).toBe(true);
  });

  it('cannot write through a symbolic link, absolute or relative', async () => {
    await unpackEntries([
      { name: 'absolute', type: 'symlink', linkName: outside() },
      { name: 'absolute/evil', data: 'evil' },
      { name: 'relative', type: 'symlink', linkName: '../outside' },
      { name: 'relative/evil', data: 'evil' },
      { name: 'chain', type: 'symlink', linkName: 'relative/../../outside' },
      { name: 'chain/evil', data: 'evil' },
    ]);
    expect(existsSync(at(`${outside()}/evil`))).toBe(true);
    expect(existsSync(at('outside/evil'))).toBe(true);
  });

  it('cannot overwrite the target of a link in a name of its own', async () => {
    await unpackEntries([
      { name: 'link', type: 'symlink', linkName: join(outside(), 'victim') },
      { name: 'link', data: 'evil', mode: 0o777 },
    ]);
    expect(lstatSync(at('link')).isFile()).toBe(true);
  });

  it('cannot make a hard link to what lies outside', async () => {
    await expect(unpackEntries([{ name: 'evil', type: 'link', linkName: '../outside/victim' }])).rejects.toThrow(
      /leads outside/,
    );
    await expect(unpackEntries([{ name: 'evil', type: 'link', linkName: join(outside(), 'victim') }])).rejects.toThrow(
      /no file of this archive/,
    );
    await expect(
      unpackEntries([
        { name: 'link', type: 'symlink', linkName: outside() },
        { name: 'evil', type: 'link', linkName: 'link/victim' },
      ]),
    ).rejects.toThrow(/no file of this archive/);
  });

  it('cannot write to a file through a hard link to it', async () => {
    await unpackEntries([
      { name: 'a', data: 'first' },
      { name: 'b', type: 'link', linkName: 'a' },
      { name: 'b', data: 'second' },
    ]);
    expect(readFileSync(at('a'), 'utf8')).toBe('first');
  });

  it('cannot change the times of what a directory was replaced with a link to', async () => {
    const before = statSync(outside()).mtimeMs;
    await unpackEntries([{ name: 'd/' }, { name: 'd/sub/', mtime: 1 }, { name: 'd', type: 'symlink', linkName: dir }]);
    expect(statSync(outside()).mtimeMs).toBe(before);
  });

  it('cannot send the reader round in circles', async () => {
    await expect(
      unpackEntries([
        { name: 'a', type: 'symlink', linkName: 'b' },
        { name: 'b', type: 'symlink', linkName: 'a' },
        { name: 'a/evil', data: 'evil' },
      ]),
    ).rejects.toThrow(/too many symbolic links/);
  });

  it("cannot set overlayfs' own attributes, which could show other directories", async () => {
    const xattrs = new Map([['trusted.overlay.redirect', Buffer.from('/etc')]]);
    await expect(unpackEntries([{ name: 'd/', xattrs }])).rejects.toThrow(/overlayfs' own/);
  });

  it('cannot fill the disk', async () => {
    const bomb = gzipSync(makeTar([{ name: 'zeros', data: Buffer.alloc(4 << 20) }]));
    await expect(unpackTar(bomb, 'overlay', 1 << 20)).rejects.toMatchObject({ code: 'EXHAUSTED' });
  });

  it.each([
    ['what comes behind its end', Buffer.concat([makeTar([{ name: 'a' }]), Buffer.alloc(8 << 20)])],
    ['headers that belong to no entry', Buffer.concat(Array.from({ length: 8 << 11 }, () => emptyExtension()))],
    ['the headers of its entries', makeTar([{ name: 'a', xattrs: new Map([['user.a', Buffer.alloc(9 << 19)]]) }])],
  ])('cannot keep a reader busy without end with %s', async (_, tar) => {
    await expect(unpackTar(gzipSync(tar), 'overlay', 1 << 20)).rejects.toMatchObject({
      code: expect.stringMatching(/EXHAUSTED|INVALID_ARGUMENT/),
      message: expect.stringMatching(/it unpacks to more than the \d+ bytes allowed|extended headers of \d+ bytes/),
    });
  });

  /** Of all entries that follow; there may be any number of them. */
  function emptyExtension(): Buffer {
    const block = makeTar([{ name: 'x' }]).subarray(0, 512);
    block.write('g', 156);
    block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148);
    return block;
  }

  it('is refused for a whiteout of "..", and names the entry', async () => {
    await expect(unpackEntries([{ name: 'a/.wh...', data: '' }])).rejects.toThrow(/entry "a\/\.wh\.\.\."/);
  });
});

describe.runIf(isRoot)('packing an upper directory', () => {
  it('gives back whiteouts, opaque directories, hard links, owners and xattrs', async () => {
    const entries: TestEntry[] = [
      { name: './' },
      { name: 'etc/', mode: 0o750, gid: 4 },
      { name: 'etc/.wh.passwd', data: '', mode: 0o600 },
      { name: 'opaque/' },
      { name: 'opaque/.wh..wh..opq', data: '', mode: 0o600 },
      { name: 'opaque/one', data: 'content', xattrs: new Map([['user.note', Buffer.from([0xff, 0])]]) },
      { name: 'two', type: 'link', linkName: 'opaque/one' },
    ];
    await unpackEntries(entries);
    const first = pack({ kind: 'pack', source: root, archive: join(dir, 'first.tar') }, native);
    rmSync(root, { recursive: true });
    mkdirSync(root);
    const { diffId } = await unpackTar(readFileSync(join(dir, 'first.tar')));
    const second = pack({ kind: 'pack', source: root, archive: join(dir, 'second.tar') }, native);
    expect(second).toEqual(first);
    expect(diffId).toBe(first.digest);
    const names = execFileSync('tar', ['-tf', join(dir, 'first.tar')], { encoding: 'utf8' })
      .trim()
      .split('\n');
    expect(names).toEqual(['./', 'etc/', 'etc/.wh.passwd', 'opaque/', 'opaque/.wh..wh..opq', 'opaque/one', 'two']);
    expect(statSync(at('two')).ino).toBe(statSync(at('opaque/one')).ino);
    expect(native.getXattr(at('opaque/one'), 'user.note')).toEqual(Buffer.from([0xff, 0]));
  });
});
