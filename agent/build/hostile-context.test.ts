/** Build contexts that are meant to harm: a clear error, and nothing left of them. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import { compressedZeros } from '../image/testing/archives.ts';
import { hasBusybox, isRoot, makeTar } from '../image/testing/fixtures.ts';
import { treeState } from '../image/testing/tree-state.ts';
import { BuilderFixture, messagesOf } from './testing/builder-fixture.ts';

const NEVER = new AbortController().signal;

describe.runIf(isRoot && hasBusybox)('a build context', () => {
  let fixture: BuilderFixture;
  let outside: string;
  let before: readonly string[];
  beforeEach(async () => {
    fixture = await BuilderFixture.open();
    outside = mkdtempSync(join(tmpdir(), 'gantry-outside-'));
    mkdirSync(join(outside, 'd'));
    writeFileSync(join(outside, 'd/Dockerfile'), 'FROM scratch\n');
    before = treeState(outside);
  });
  afterEach(async () => {
    expect(treeState(outside)).toEqual(before);
    await fixture.dispose();
    rmSync(outside, { recursive: true, force: true });
  });

  async function build(context: Buffer): Promise<void> {
    for await (const _ of fixture.builder.build(ImageBuildOptions.create({}), messagesOf(context), NEVER));
  }

  it('can be given up while it is unpacked', async () => {
    const user = new AbortController();
    const context = compressedZeros(4 * 2 ** 30);
    const building = (async () => {
      for await (const _ of fixture.builder.build(ImageBuildOptions.create({}), messagesOf(context), user.signal));
    })();
    building.catch(() => undefined);
    const contexts = join(fixture.stores.dir, 'build/contexts');
    const unpacking = () => readdirSync(contexts).flatMap((name) => readdirSync(join(contexts, name, 'files')));
    await expect.poll(unpacking).toHaveLength(1);
    user.abort();
    await expect(building).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(readdirSync(contexts)).toEqual([]);
  });

  const dockerfile = { name: 'Dockerfile', data: 'FROM busybox\nCOPY . /\n' };
  it.each<[string, () => Buffer, RegExp]>([
    [
      'that leads outside',
      () => makeTar([dockerfile, { name: '../evil', data: 'x' }]),
      /^reading the build context: entry "\.\.\/evil": .*leads outside/,
    ],
    ['that is no archive', () => Buffer.alloc(5000, 'x'), /^reading the build context: tar archive: /],
    [
      'that is cut off',
      () => makeTar([dockerfile, { name: 'a', data: 'x'.repeat(9000) }]).subarray(0, 6000),
      /^reading the build context: .*ends in the middle/,
    ],
    [
      'whose compression is damaged',
      () => gzipSync(makeTar([dockerfile])).subarray(0, 60),
      /^reading the build context: damaged gzip/,
    ],
    [
      'whose Dockerfile is a pipe',
      () => makeTar([{ name: 'Dockerfile', type: 'fifo' }]),
      /Dockerfile in the build context is not a file/,
    ],
    [
      'whose Dockerfile is a device',
      () => makeTar([{ name: 'Dockerfile', type: 'character', deviceMajor: 1, deviceMinor: 5 }]),
      /is not a file/,
    ],
    [
      'whose ignore file is a pipe',
      () => makeTar([dockerfile, { name: '.dockerignore', type: 'fifo' }]),
      /\.dockerignore in the build context is not a file/,
    ],
    [
      'whose Dockerfile is a link to the host’s',
      () => makeTar([{ name: 'Dockerfile', type: 'symlink', linkName: join(outside, 'd/Dockerfile') }]),
      /there is no Dockerfile/,
    ],
    [
      'that writes through links',
      () =>
        makeTar([
          { name: 'l', type: 'symlink', linkName: outside },
          { name: 'l/d/Dockerfile', data: 'evil' },
          { name: 'h', type: 'link', linkName: `${outside}/d/other` },
        ]),
      /entry "h": it is a hard link to/,
    ],
  ])('%s is refused, and leaves nothing', async (_, context, message) => {
    await expect(build(context())).rejects.toMatchObject({
      name: 'GantryError',
      message: expect.stringMatching(message),
    });
    for (const place of ['build/contexts', 'build/mounts', 'content/ingest', 'layers/tmp']) {
      expect(readdirSync(join(fixture.stores.dir, place))).toEqual([]);
    }
  });
});
