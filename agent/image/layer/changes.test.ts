import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { native } from '../../../native/addon/native.ts';
import { isRoot } from '../testing/fixtures.ts';
import { findChanges } from './changes.ts';
import { OPAQUE_VALUE, OPAQUE_XATTR } from './whiteout.ts';

const S_IFCHR = 0o020000;

describe.runIf(isRoot)('what an overlay changes', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'gantry-changes-'));
    for (const layer of ['upper', 'middle', 'lowest']) mkdirSync(join(root, layer));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  /** A file of the layer, a directory by a slash at its end, or the absence of one. */
  function make(layer: string, path: string, kind: 'there' | 'gone' | 'opaque' = 'there'): void {
    const absolute = join(root, layer, path);
    mkdirSync(path.endsWith('/') ? absolute : dirname(absolute), { recursive: true });
    if (kind === 'gone') native.mknod(absolute, S_IFCHR, 0, 0);
    else if (kind === 'opaque') native.setXattr(absolute, OPAQUE_XATTR, OPAQUE_VALUE);
    else if (!path.endsWith('/')) writeFileSync(absolute, path);
    if (path.endsWith('/')) utimesSync(absolute, 1, 1);
  }

  function changes(...mountPoints: string[]): string[] {
    const lower = ['middle', 'lowest'].map((layer) => join(root, layer));
    const found = findChanges({ kind: 'changes', upper: join(root, 'upper'), lower, mountPoints }, native);
    return found.changes.map(({ kind, path }) => `${kind} ${path}`);
  }

  it('is nothing where nothing was written', () => {
    make('lowest', 'a/b');
    expect(changes()).toEqual([]);
  });

  it('is told from what shows of all layers below', () => {
    make('lowest', 'a/old');
    make('lowest', 'a/removed-below');
    make('middle', 'a/removed-below', 'gone');
    make('lowest', 'b/deep/file');
    make('middle', 'b/', 'opaque');
    for (const path of ['a/old', 'a/new', 'a/removed-below', 'b/deep/file']) make('upper', path);
    expect(changes()).toEqual([
      'changed /a',
      'added /a/new',
      'changed /a/old',
      'added /a/removed-below',
      'changed /b',
      'added /b/deep',
      'added /b/deep/file',
    ]);
  });

  it('is what was deleted, alone and with a directory that was made anew', () => {
    make('lowest', 'a/one');
    make('middle', 'a/two');
    make('lowest', 'b');
    make('upper', 'a/', 'opaque');
    make('upper', 'a/two');
    make('upper', 'b', 'gone');
    make('upper', 'never-there', 'gone');
    expect(changes()).toEqual(['changed /a', 'deleted /a/one', 'changed /a/two', 'deleted /b']);
  });

  it('is no directory that is as before, nor what is there to be mounted on', () => {
    make('lowest', 'same/');
    make('upper', 'same/');
    make('lowest', 'etc/motd');
    make('upper', 'etc/hosts');
    make('upper', 'sbin/init');
    make('upper', 'proc/');
    expect(changes('/etc/hosts', '/sbin/init', '/proc')).toEqual([]);
    make('upper', 'etc/more');
    expect(changes('/etc/hosts', '/sbin/init', '/proc')).toEqual(['changed /etc', 'added /etc/more']);
  });
});
