/** Tars put into a file system that changes meanwhile. Needs root: chroot(2). */
import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { extractInto } from './extraction.ts';
import { DIRECTORY_FLAGS } from './layer/tree-entry.ts';

const NOBODY = new AbortController().signal;

let directory: string;
let root: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-extraction-'));
  mkdirSync(join(directory, 'root/data'), { recursive: true });
  root = openSync(join(directory, 'root'), DIRECTORY_FLAGS);
});

afterEach(() => {
  closeSync(root);
  rmSync(directory, { recursive: true });
});

type Entry = Parameters<ReturnType<typeof pack>['entry']>[0];

function tar(...entries: (Entry & { readonly content?: string })[]): AsyncIterable<Buffer> {
  const archive = pack();
  for (const { content, ...header } of entries) archive.entry(header, content ?? '');
  archive.finalize();
  return archive as AsyncIterable<unknown> as AsyncIterable<Buffer>;
}

const extract = (archive: AsyncIterable<Uint8Array>, at = '/data', owner?: { uid: number; gid: number }) =>
  extractInto({ root, directory: at, owner }, archive, NOBODY);
const inside = (path: string) => join(directory, 'root', path);

describe.skipIf(process.getuid?.() !== 0)('an extraction', () => {
  it('adds to a directory and leaves its own attributes alone', async () => {
    const before = statSync(inside('data')).mode;
    const files = tar(
      { name: '.', type: 'directory', mode: 0o700 },
      { name: 'd', type: 'directory', mode: 0o750, uid: 5, gid: 6 },
      { name: 'd/f', mode: 0o640, uid: 7, gid: 8, mtime: new Date(1e12), content: 'text' },
      { name: 'd/hard', type: 'link', linkname: 'd/f' },
      { name: 'd/soft', type: 'symlink', linkname: '/etc/passwd' },
    );
    await extract(files);
    expect(statSync(inside('data')).mode).toBe(before);
    expect(readFileSync(inside('data/d/f'), 'utf8')).toBe('text');
    const { uid, gid, mode, mtimeMs, ino } = statSync(inside('data/d/f'));
    expect([uid, gid, mode & 0o7777, mtimeMs]).toEqual([7, 8, 0o640, 1e12]);
    expect(statSync(inside('data/d/hard')).ino).toBe(ino);
    expect(lstatSync(inside('data/d/soft')).isSymbolicLink()).toBe(true);
  });

  it('gives all to one owner', async () => {
    await extract(tar({ name: 'f', uid: 7, gid: 8, content: 'x' }), '/data', { uid: 33, gid: 34 });
    const { uid, gid } = statSync(inside('data/f'));
    expect([uid, gid]).toEqual([33, 34]);
  });

  it('follows links of the file system within its root', async () => {
    mkdirSync(inside('real'));
    symlinkSync('../../../../../real', inside('link'));
    symlinkSync('/real', inside('data/to-real'));
    await extract(tar({ name: 'one', content: '1' }), '/link');
    await extract(tar({ name: 'to-real/two', content: '2' }));
    expect(readdirSync(inside('real')).sort()).toEqual(['one', 'two']);
  });

  it('never leaves it, whatever names and links say', async () => {
    writeFileSync(join(directory, 'secret'), 'safe');
    symlinkSync(join(directory, 'secret'), inside('data/out'));
    symlinkSync(directory, inside('data/up'));
    await extract(tar({ name: 'out', content: 'written' }));
    await extract(tar({ name: 'up/secret', content: 'written' })).catch(() => undefined);
    await expect(extract(tar({ name: '../../secret', content: 'written' }))).rejects.toThrow('leads outside');
    expect(readFileSync(join(directory, 'secret'), 'utf8')).toBe('safe');
    expect(readdirSync(directory).sort()).toEqual(['root', 'secret']);
  });

  it.each([
    ['a directory by a file', 'd', { name: 'd', content: 'x' }],
    ['a file by a directory', 'f', { name: 'f', type: 'directory' as const }],
  ])('does not replace %s', async (_what, name, entry) => {
    if (name === 'd') mkdirSync(inside('data/d'));
    else writeFileSync(inside('data/f'), 'x');
    await expect(extract(tar(entry))).rejects.toThrow('cannot overwrite');
  });

  it.each([
    ['/gone', 'Could not find the directory /gone'],
    ['/file', '/file is not a directory'],
  ])('to %s is refused', async (at, message) => {
    writeFileSync(inside('file'), '');
    await expect(extract(tar({ name: 'f', content: 'x' }), at)).rejects.toThrow(message);
  });

  it('ends with its source', async () => {
    const broken = async function* () {
      yield Buffer.alloc(512, 0);
      throw new Error('the client is gone');
    };
    await expect(extract(broken())).rejects.toThrow('the client is gone');
  });

  it('ends when nobody waits for it any more', async () => {
    const leaving = new AbortController();
    const waits = async function* () {
      yield Buffer.alloc(512, 0);
      leaving.abort();
      await new Promise<never>(() => undefined);
    };
    const target = { root, directory: '/data', owner: undefined };
    await expect(extractInto(target, waits(), leaving.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
