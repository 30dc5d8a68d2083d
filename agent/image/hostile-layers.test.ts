/** Images whose layers play together to reach what lies outside of them. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dockerArchive } from './testing/archives.ts';
import { inPieces, isRoot, makeTar, type TestEntry, TestStores } from './testing/fixtures.ts';
import { treeState } from './testing/tree-state.ts';

describe.runIf(isRoot)('layers that play together', () => {
  let stores: TestStores;
  let outside: string;
  let before: readonly string[];
  beforeEach(async () => {
    stores = await new TestStores().open();
    outside = mkdtempSync(join(tmpdir(), 'gantry-outside-'));
    mkdirSync(join(outside, 'cron.d'));
    writeFileSync(join(outside, 'cron.d/job'), 'untouched');
    before = treeState(outside);
  });
  afterEach(async () => {
    expect(treeState(outside)).toEqual(before);
    await stores.dispose();
    rmSync(outside, { recursive: true, force: true });
  });

  const load = (...layers: readonly TestEntry[][]) =>
    stores.images.load(inPieces(dockerArchive([{ layers: layers.map(makeTar), names: ['evil:1'] }]), 5000));

  /** Shows the image's files as a container would see them. */
  async function merged(look: (root: string) => void): Promise<void> {
    const { id } = await stores.images.resolve('evil:1');
    const target = join(stores.dir, 'mnt');
    await stores.snapshots.prepare('c1', id);
    await stores.snapshots.mount('c1', target, 'durable');
    try {
      look(target);
    } finally {
      await stores.snapshots.unmount(target);
    }
  }

  it("cannot give a directory's attributes to what a link in its place leads to", async () => {
    await load(
      [{ name: 'etc/' }, { name: 'etc/cron.d/', mode: 0o4777, uid: 1000, mtime: 5 }],
      [
        { name: 'etc/cron.d/job', data: 'evil' },
        { name: 'etc', type: 'symlink', linkName: outside },
      ],
    );
    await merged((root) => expect(lstatSync(join(root, 'etc')).isSymbolicLink()).toBe(true));
  });

  it('cannot write through a link of a layer below', async () => {
    await load(
      [{ name: 'etc', type: 'symlink', linkName: outside }],
      [
        { name: 'etc/cron.d/job', data: 'evil' },
        { name: 'etc/.wh.cron.d', data: '' },
        { name: 'etc/cron.d/.wh..wh..opq', data: '' },
      ],
    );
    await merged((root) => expect(readFileSync(join(root, 'etc/cron.d/job'), 'utf8')).toBe('evil'));
  });

  it('cannot hide or remove through a link', async () => {
    await load([
      { name: 'etc', type: 'symlink', linkName: outside },
      { name: 'etc/.wh..wh..opq', data: '' },
      { name: 'etc/cron.d/.wh.job', data: '' },
      { name: 'etc/.wh.cron.d', data: '' },
    ]);
    await merged((root) => expect(existsSync(join(root, outside, 'cron.d/job'))).toBe(false));
  });

  it('cannot make a hard link to what a layer below has', async () => {
    await expect(
      load([{ name: 'secret', data: 'x' }], [{ name: 'link', type: 'link', linkName: 'secret' }]),
    ).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(
        /^unpacking layer 2 of evil:1: entry "link": it is a hard link to "secret", which is/,
      ),
    });
    await stores.images.garbage.settled();
    expect(readdirSync(join(stores.dir, 'content/blobs/sha256'))).toEqual([]);
    expect(readdirSync(join(stores.dir, 'layers')).sort()).toEqual(['tmp', 'trash']);
    expect(readdirSync(join(stores.dir, 'layers/tmp'))).toEqual([]);
  });

  it('replace a directory with a file and a file with a directory', async () => {
    await load(
      [
        { name: 'a/b/c', data: 'lower' },
        { name: 'd', data: 'lower' },
      ],
      [
        { name: 'a', data: 'upper' },
        { name: 'd/e/f', data: 'upper' },
      ],
      [
        { name: 'a/x', data: 'top' },
        { name: 'd', data: 'top' },
      ],
    );
    await merged((root) => {
      expect(readdirSync(join(root, 'a'))).toEqual(['x']);
      expect(readFileSync(join(root, 'd'), 'utf8')).toBe('top');
    });
  });
});
