/**
 * Layers at random, made of what could lead out of a directory, against a model of what they mean: whatever the entries
 * are and in whatever order they come, nothing outside changes, and either they are refused or the directory has what
 * the model says.
 */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { native } from '../../../native/addon/native.ts';
import { GantryError } from '../../../proto/errors.ts';
import type { TarHeader } from '../tar/header.ts';
import { isRoot } from '../testing/fixtures.ts';
import { FUZZ_TIMEOUT_MS, fuzz } from '../testing/fuzz.ts';
import { treeState } from '../testing/tree-state.ts';
import { TarApplier } from './applier.ts';
import { applyToModel, emptyModel, listModel, type ModelTree, Refused } from './layer-model.testing.ts';
import { OPAQUE_XATTR } from './whiteout.ts';

let dir: string;
let outside: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-hostile-'));
  outside = join(dir, 'outside');
  mkdirSync(join(outside, 'b'), { recursive: true });
  writeFileSync(join(outside, 'a'), 'untouched');
  writeFileSync(join(outside, 'b/a'), 'untouched');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

interface HostileEntry extends TarHeader {
  readonly data: Buffer;
}

/** Few names, so that they meet. `outside` is where the root's sibling lies. */
function entries(): fc.Arbitrary<HostileEntry[]> {
  const part = fc.constantFrom(
    'a',
    'a',
    'b',
    'b',
    'c',
    '..',
    '.',
    '',
    'outside',
    '.wh.a',
    '.wh.b',
    '.wh..wh..opq',
    '.wh.',
    '.wh...',
    '.wh..wh.x',
  );
  const path = fc.oneof(
    fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
    fc.constantFrom('a', 'b', 'a/b', 'a/b/c', 'a/', '/a', './a', 'c'.repeat(256)),
  );
  const target = fc.oneof(
    path,
    fc.constantFrom('..', '../outside', outside, `${outside}/a`, '/', '../../../..', 'a/../../b', ''),
  );
  return fc.array(
    fc
      .record({
        name: path,
        type: fc.constantFrom(
          'file',
          'file',
          'directory',
          'directory',
          'symlink',
          'symlink',
          'link',
          'character',
          'fifo',
        ),
        linkName: target,
        mode: fc.constantFrom(0o644, 0o4755, 0o1777, 0),
        uid: fc.constantFrom(0, 1000, 2 ** 32 - 1, -1),
        gid: fc.constantFrom(0, 1000),
        mtime: fc.constantFrom(0, 1, -5, 1_600_000_000),
        deviceMajor: fc.constantFrom(0, 1, 5000),
        deviceMinor: fc.constantFrom(0, 3),
        data: fc.constantFrom('', 'evil', 'x'.repeat(70)).map((text) => Buffer.from(text)),
        xattrs: fc.constantFrom<ReadonlyMap<string, Buffer>>(
          new Map(),
          new Map(),
          new Map(),
          new Map([['trusted.overlay.redirect', Buffer.from('/a')]]),
          new Map([['trusted.x', Buffer.from('y')]]),
          new Map([['user.x', Buffer.from('y')]]),
        ),
      })
      .map((entry) => ({ ...entry, size: entry.type === 'file' ? entry.data.length : 0 }) as HostileEntry),
    { minLength: 1, maxLength: 12 },
  );
}

function apply(
  root: string,
  all: readonly HostileEntry[],
  whiteouts: 'overlay' | 'literal',
  maxEntries = 100,
): readonly string[] {
  const applier = new TarApplier(root, native, { whiteouts, maxBytes: 1 << 20, maxEntries });
  try {
    for (const { data, ...header } of all) {
      applier.apply({ kind: 'entry', header });
      if (header.size > 0) applier.apply({ kind: 'data', data });
      applier.apply({ kind: 'end' });
    }
    return applier.finish().implicit;
  } finally {
    applier.close();
  }
}

function expected(all: readonly HostileEntry[], whiteouts: 'overlay' | 'literal'): ModelTree | 'refused' {
  const tree = emptyModel();
  try {
    for (const entry of all) applyToModel(tree, entry, whiteouts);
    return tree;
  } catch (error) {
    if (error instanceof Refused) return 'refused';
    throw error;
  }
}

/** In the model's words. */
function listed(root: string): string[] {
  const lines: string[] = [];
  const inodes = new Map<number, string>();
  const visit = (path: string) => {
    const absolute = join(root, path);
    const stats = lstatSync(absolute);
    const mode = (stats.mode & 0o7777).toString(8);
    if (stats.isDirectory()) {
      const isOpaque = native.getXattr(absolute, OPAQUE_XATTR) !== null;
      lines.push(`${path} directory${isOpaque ? ' opaque' : ''} ${mode}`);
      for (const name of readdirSync(absolute).sort()) visit(path === '' ? name : `${path}/${name}`);
      return;
    }
    const first = inodes.get(stats.ino) ?? path;
    inodes.set(stats.ino, first);
    if (stats.isSymbolicLink()) lines.push(`${path} symlink ${readlinkSync(absolute)} ${first}`);
    else if (stats.isFile()) lines.push(`${path} file ${readFileSync(absolute, 'utf8')} ${mode} ${first}`);
    else lines.push(`${path} ${stats.isFIFO() ? 'fifo' : `device ${stats.rdev}`} ${mode} ${first}`);
  };
  visit('');
  return lines;
}

describe.runIf(isRoot)('a layer of any entries', () => {
  it.each(['overlay', 'literal'] as const)(
    'changes nothing outside and means what it says, or is refused (whiteouts: %s)',
    (whiteouts) => {
      const before = treeState(outside);
      fc.assert(
        fc.property(entries(), (all) => {
          const root = join(dir, 'root');
          mkdirSync(root, { mode: 0o755 });
          try {
            const model = expected(all, whiteouts);
            let implicit: readonly string[] | undefined;
            try {
              implicit = apply(root, all, whiteouts);
            } catch (error) {
              if (!(error instanceof GantryError)) throw error;
              expect(error.message).toMatch(/^entry "/);
              expect(error.code).not.toBe('HOST');
            }
            expect(treeState(outside)).toEqual(before);
            expect(readdirSync(dir).sort()).toEqual(['outside', 'root']);
            expect(implicit === undefined).toBe(model === 'refused');
            if (model === 'refused') return;
            expect(listed(root)).toEqual(listModel(model));
            // What gets the attributes of layers below is a directory, and reached without a link.
            for (const path of implicit ?? [])
              expect(listed(root).join('\n')).toMatch(new RegExp(`^${path} directory`, 'm'));
          } finally {
            rmSync(root, { recursive: true, force: true });
          }
        }),
        fuzz(150, 21),
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe.runIf(isRoot)('a layer', () => {
  const FILE: HostileEntry = {
    ...{ name: 'f', type: 'file', linkName: '', mode: 0o644, uid: 0, gid: 0, mtime: 0, size: 0 },
    ...{ deviceMajor: 0, deviceMinor: 0, xattrs: new Map(), data: Buffer.alloc(0) },
  };
  const root = () => join(dir, 'root');
  beforeEach(() => mkdirSync(root()));

  it.each<[string, Partial<HostileEntry>[], RegExp]>([
    ['an owner out of range', [{ uid: 2 ** 32 }], /^entry "f": its owner 4294967296:0 is out of range$/],
    ['a device out of range', [{ type: 'block', deviceMinor: 2 ** 20 }], /^entry "f": its device number 0:1048576 is/],
    [
      'a path too long',
      [{ name: `${`${'d'.repeat(250)}/`.repeat(16)}${'e'.repeat(70)}` }],
      /^entry "d+\.\.\.": its path is too long$/,
    ],
    [
      'a path longer still',
      [{ name: 'd/'.repeat(40_000) }],
      /^entry "(d\/)+\.\.\.": the name "(d\/)+\.\.\." is too long$/,
    ],
    [
      'an attribute of 64 KiB',
      [{ xattrs: new Map([['user.a', Buffer.alloc(65_536)]]) }],
      /"user\.a" of 65536 bytes does not fit/,
    ],
    [
      'an attribute of more',
      [{ xattrs: new Map([['user.a', Buffer.alloc(70_000)]]) }],
      /"user\.a" of 70000 bytes does not fit/,
    ],
    [
      'an attribute with a long name',
      [{ xattrs: new Map([[`user.${'a'.repeat(300)}`, Buffer.alloc(1)]]) }],
      /does not fit/,
    ],
    [
      'a hard link to what it hides',
      [{ name: '.wh.a' }, { name: 'b', type: 'link', linkName: 'a' }],
      /^entry "b": .*no file of this archive/,
    ],
    [
      'a hard link to what it replaces',
      [{ name: 'a/b' }, { name: 'a', type: 'link', linkName: 'a/b' }],
      /^entry "a": it is a hard link to what it replaces/,
    ],
    [
      'a root that is a link',
      [{ name: '.', type: 'symlink', linkName: '/' }],
      /^entry "\.": the root can only be a directory/,
    ],
    [
      'a name that moves the cursor',
      [{ name: '../\u001b[2J\u009b\u202e' }],
      /^entry "\.\.\/\\u001b\[2J\\u009b\\u202e": /,
    ],
  ])('with %s is refused', (_, all, message) => {
    const full = all.map((entry) => ({ ...FILE, ...entry }));
    expect(() => apply(root(), full, 'overlay', 5000)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    rmSync(root(), { recursive: true });
    mkdirSync(root());
    expect(() => apply(root(), full, 'overlay', 5000)).toThrow(message);
  });

  it('counts the directories that its entries ask for', () => {
    const all = Array.from({ length: 50 }, (_, index) => ({ ...FILE, name: `${index}/a/b/f` }));
    expect(() => apply(root(), all, 'overlay')).toThrow(/^entry "25\/a\/b\/f": more than the 100 files allowed$/);
  });

  it('may replace a tree that is deeper than a process may have files open', () => {
    apply(
      root(),
      [
        { ...FILE, name: 'd/'.repeat(1500) },
        { ...FILE, name: 'd' },
      ],
      'overlay',
      2000,
    );
    expect(listed(root())).toEqual([' directory 755', 'd file  644 d']);
  });

  it('may have times beyond what a file system knows', () => {
    const times = [Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, -0.5];
    apply(
      root(),
      times.map((mtime, index) => ({ ...FILE, name: `${index}`, mtime })),
      'overlay',
    );
    expect(readdirSync(root())).toHaveLength(times.length);
  });

  it('keeps the holes of a sparse file', () => {
    const applier = new TarApplier(root(), native, { whiteouts: 'overlay', maxBytes: 1 << 30, maxEntries: 10 });
    const { data: _, ...header } = FILE;
    applier.apply({ kind: 'entry', header: { ...header, size: 3 << 20 } });
    applier.apply({ kind: 'hole', size: 1 << 20 });
    applier.apply({ kind: 'data', data: Buffer.from('data') });
    applier.apply({ kind: 'hole', size: (2 << 20) - 4 });
    applier.apply({ kind: 'end' });
    applier.finish();
    const stats = lstatSync(join(root(), 'f'));
    expect(stats.size).toBe(3 << 20);
    expect(stats.blocks * 512).toBeLessThan(1 << 17);
    expect(
      readFileSync(join(root(), 'f'))
        .subarray(1 << 20, (1 << 20) + 5)
        .toString(),
    ).toBe('data\0');
  });
});
