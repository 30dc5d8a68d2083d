/** Image archives that are nearly right: of any documents, an image or a clear error, and nothing left but the image. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { digestOf } from './content-store.ts';
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from './manifest.ts';
import { compressedZeros, configOf, dockerArchive } from './testing/archives.ts';
import { inPieces, isRoot, makeTar, type TestEntry, TestStores } from './testing/fixtures.ts';
import { FUZZ_TIMEOUT_MS, fuzz } from './testing/fuzz.ts';

const LAYER = makeTar([{ name: 'etc/' }, { name: 'etc/motd', data: 'hello' }]);
const CONFIG = configOf({ layers: [LAYER] });
const NOT_USED = { force: true, isUsed: () => undefined };

let stores: TestStores;
beforeEach(async () => {
  stores = await new TestStores().open();
});
afterEach(() => stores.dispose());

const load = (archive: Buffer) => stores.images.load(inPieces(archive, 64 << 10));
const json = (document: unknown) => Buffer.from(JSON.stringify(document));

async function expectNothingLeft(): Promise<void> {
  await stores.images.garbage.settled();
  for (const path of ['content/blobs/sha256', 'content/ingest', 'layers/tmp', 'layers/trash']) {
    expect(readdirSync(join(stores.dir, path))).toEqual([]);
  }
  expect(readdirSync(join(stores.dir, 'layers')).sort()).toEqual(['tmp', 'trash']);
}

function blob(data: Buffer): TestEntry {
  return { name: `blobs/sha256/${digestOf(data).slice(7)}`, data };
}

const descriptor = (mediaType: string, data: Buffer, size = data.length) => ({
  mediaType,
  digest: digestOf(data),
  size,
});

/** An OCI layout of one manifest; `size` is what its index says of that. */
function layout(manifest: Buffer, size = manifest.length, blobs: readonly Buffer[] = [CONFIG, LAYER]): Buffer {
  const index = json({ schemaVersion: 2, manifests: [descriptor(OCI_MANIFEST, manifest, size)] });
  return makeTar([
    ...[manifest, ...blobs].map(blob),
    { name: 'index.json', data: index },
    { name: 'oci-layout', data: '{}' },
  ]);
}

const manifestOf = (layers: readonly object[], config: object = descriptor(OCI_CONFIG, CONFIG)) =>
  json({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers });

/** A chain of indexes, each with the one before. */
function nested(depth: number): Buffer {
  const entries: TestEntry[] = [blob(CONFIG), blob(LAYER)];
  let inner = manifestOf([descriptor(OCI_LAYER, LAYER)]);
  for (let index = 0; index <= depth; index++) {
    entries.push(blob(inner));
    inner = json({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptor(OCI_INDEX, inner)] });
  }
  return makeTar([...entries, { name: 'index.json', data: inner }]);
}

describe.runIf(isRoot)('an archive', () => {
  it.each<[string, Buffer, RegExp]>([
    [
      'whose index says another size of a manifest',
      layout(manifestOf([]), 5),
      /^manifest sha256:\w+ has \d+ bytes instead of 5/,
    ],
    [
      'whose manifest says another size of a layer',
      layout(manifestOf([descriptor(OCI_LAYER, LAYER, 5)])),
      /^layer 1 of .* has \d+ bytes instead of 5/,
    ],
    [
      'whose manifest says another size of the config',
      layout(manifestOf([descriptor(OCI_LAYER, LAYER)], descriptor(OCI_CONFIG, CONFIG, 5))),
      /^config of .* has \d+ bytes instead of 5/,
    ],
    [
      'without its layer',
      layout(manifestOf([descriptor(OCI_LAYER, LAYER)]), undefined, [CONFIG]),
      /^layer 1 of .* is missing/,
    ],
    [
      'with a blob that is another',
      makeTar([{ ...blob(LAYER), data: CONFIG }]),
      /the archive's file "blobs\/sha256\/\w+": a blob has the digest/,
    ],
    ['of indexes in indexes', nested(9), /is nested too deeply/],
    ['whose index is an image', makeTar([{ name: 'index.json', data: manifestOf([]) }]), /index\.json is not an index/],
    [
      'of an index of nothing but brackets',
      makeTar([{ name: 'index.json', data: '['.repeat(1 << 20) }]),
      /index\.json is not JSON/,
    ],
    [
      'of deep brackets',
      makeTar([{ name: 'manifest.json', data: '['.repeat(5000) + ']'.repeat(5000) }]),
      /nested too deeply/,
    ],
    [
      'with a manifest of 50 MB',
      makeTar([{ name: 'manifest.json', data: Buffer.alloc(50 << 20, ' ') }]),
      /manifest\.json has 52428800 bytes/,
    ],
    [
      'of very many images',
      makeTar([{ name: 'manifest.json', data: json(Array.from({ length: 5000 }, () => ({ Config: 'c.json' }))) }]),
      /manifest\.json has 5000 entries, more than the 1000 allowed/,
    ],
    [
      'of an image of very many names',
      makeTar([
        {
          name: 'manifest.json',
          data: json([{ Config: 'c', RepoTags: Array.from({ length: 300_000 }, () => 'a:1') }]),
        },
      ]),
      /RepoTags has 300000 entries, more than the 1000 allowed/,
    ],
    [
      'of very many links',
      makeTar(
        Array.from({ length: 20_001 }, (_, index) => ({ name: `l${index}`, type: 'symlink' as const, linkName: 'x' })),
      ),
      /more than 20000 files/,
    ],
    ['with a long name', makeTar([{ name: 'x/'.repeat(3000), type: 'link', linkName: 'y' }]), /has too long a name/],
    [
      'of 128 layers',
      dockerArchive([{ layers: Array.from({ length: 128 }, () => LAYER), names: ['many:1'] }]),
      /128 layers/,
    ],
    [
      'with a name that is none',
      dockerArchive([{ layers: [LAYER], names: ['../../etc/passwd:1'] }]),
      /invalid reference format/,
    ],
    [
      'that is cut off in its compression',
      gzipSync(dockerArchive([{ layers: [LAYER] }])).subarray(0, 200),
      /damaged gzip data/,
    ],
    [
      'that is damaged in its compression',
      damaged(zstdCompressSync(dockerArchive([{ layers: [LAYER] }]))),
      /damaged zstd data/,
    ],
    ['of nothing', Buffer.alloc(0), /not an image archive/],
    ['of zeros', Buffer.alloc(1 << 20), /not an image archive/],
    [
      'with noise behind its compression',
      Buffer.concat([gzipSync(Buffer.alloc(512)), Buffer.alloc(40, 7)]),
      /not an image archive|damaged gzip/,
    ],
  ])('%s is refused, and leaves nothing', async (_, archive, message) => {
    await expect(load(archive)).rejects.toMatchObject({ name: 'GantryError', message: expect.stringMatching(message) });
    await expectNothingLeft();
  });

  it('can be given up while its layers are unpacked, and leaves nothing', async () => {
    const layer = compressedZeros(4 * 2 ** 30);
    const user = new AbortController();
    const loading = stores.images.load(
      inPieces(dockerArchive([{ layers: [layer], names: ['bomb:1'] }]), 64 << 10),
      user.signal,
    );
    loading.catch(() => undefined);
    const unpacking = () => readdirSync(join(stores.dir, 'layers/tmp'));
    await expect.poll(unpacking).toHaveLength(1);
    user.abort();
    await expect(loading).rejects.toMatchObject({
      code: 'CANCELLED',
      message: expect.stringContaining('layer 1 of bomb:1'),
    });
    await expectNothingLeft();
  });

  it('of a root file system can be given up while it is unpacked, and leaves nothing', async () => {
    const user = new AbortController();
    const options = { reference: 'bomb:1', changes: [], message: '', platform: '' };
    const importing = stores.images.import(inPieces(compressedZeros(4 * 2 ** 30), 64 << 10), options, user.signal);
    importing.catch(() => undefined);
    await expect.poll(() => readdirSync(join(stores.dir, 'layers/tmp'))).toHaveLength(1);
    user.abort();
    await expect(importing).rejects.toMatchObject({ code: 'CANCELLED' });
    await expectNothingLeft();
  });

  it('may have 127 layers', async () => {
    await load(
      dockerArchive([
        { layers: Array.from({ length: 127 }, (_, n) => makeTar([{ name: `${n}`, data: '' }])), names: ['many:1'] },
      ]),
    );
    const { id } = await stores.images.resolve('many:1');
    const target = join(stores.dir, 'mnt');
    await stores.snapshots.prepare('c1', id);
    await stores.snapshots.mount('c1', target, 'durable');
    expect(readdirSync(target)).toHaveLength(127);
    await stores.snapshots.unmount(target);
  });
});

/** In the middle. */
function damaged(data: Buffer): Buffer {
  const copy = Buffer.from(data);
  for (let index = copy.length >> 1; index < copy.length; index++) copy[index] = 0xff ^ (copy[index] ?? 0);
  return copy;
}

describe.runIf(isRoot)('an archive of any documents', () => {
  const good = manifestOf([descriptor(OCI_LAYER, LAYER)]);
  const value: fc.Arbitrary<unknown> = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom<unknown>(
      digestOf(good),
      digestOf(LAYER),
      digestOf(CONFIG),
      'config.json',
      ['layer.tar'],
      ['a:1', 'b'],
      [''],
      OCI_INDEX,
      OCI_MANIFEST,
      null,
      -1,
      1e300,
      [descriptor(OCI_MANIFEST, good)],
      [{ ...descriptor(OCI_MANIFEST, good), annotations: { 'io.containerd.image.name': 'c:1' } }],
      'a'.repeat(64),
    ),
  );
  const names = [
    'Config',
    'Layers',
    'RepoTags',
    'manifests',
    'mediaType',
    'config',
    'layers',
    'parent',
    'digest',
    'size',
    'os',
    '__proto__',
  ];
  const record = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 5 });
  const document = fc.oneof(value, record, fc.array(record, { maxLength: 3 })).map((what) => JSON.stringify(what));
  const entry: fc.Arbitrary<TestEntry> = fc.oneof(
    fc.record({
      name: fc.constantFrom('manifest.json', 'index.json', 'repositories', `${'a'.repeat(64)}/json`),
      data: document,
    }),
    fc.constantFrom<TestEntry>(
      { name: 'config.json', data: CONFIG },
      { name: 'layer.tar', data: LAYER },
      { name: `${'a'.repeat(64)}/layer.tar`, data: LAYER },
      { name: 'manifest.json', type: 'symlink', linkName: 'index.json' },
      { name: 'layer.tar', type: 'link', linkName: 'layer.tar' },
      { name: 'manifest.json', data: json([{ Config: 'config.json', Layers: ['layer.tar'], RepoTags: ['ok:1'] }]) },
      blob(good),
      blob(CONFIG),
      blob(LAYER),
    ),
  );

  it(
    'gives images, or an error of its own, and leaves nothing but them',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(entry, { maxLength: 7 }), async (entries) => {
          try {
            await load(makeTar(entries));
          } catch (error) {
            if (!(error instanceof GantryError)) throw error;
            expect(['INVALID_ARGUMENT', 'UNSUPPORTED', 'CORRUPT']).toContain(error.code);
            expect(error.message.length).toBeLessThan(1000);
          }
          for (const manifest of [...stores.images.state.images.values()])
            await stores.images.remove(manifest.id, NOT_USED);
          await expectNothingLeft();
        }),
        fuzz(250, 31),
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});
