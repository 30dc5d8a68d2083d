/** Archives on their way out and in: what `save` writes, and what `load` takes and refuses. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from './content-store.ts';
import { TarDecoder } from './tar/decoder.ts';
import { configOf, dockerArchive, type TestImage } from './testing/archives.ts';
import { inPieces, isRoot, makeTar, TestStores } from './testing/fixtures.ts';

const lower = makeTar([{ name: 'etc/' }, { name: 'etc/motd', data: 'lower' }]);
const upper = makeTar([{ name: 'etc/motd', data: 'upper' }]);
const one: TestImage = { layers: [lower], names: ['one:1', 'one:2'], created: '2024-01-01T00:00:00Z' };
const two: TestImage = { layers: [lower, upper], names: ['two:1'], created: '2024-02-01T00:00:00Z' };

/** Files of a tar by path; directories end in a slash. */
function filesOf(tar: Buffer): Map<string, Buffer> {
  const decoder = new TarDecoder();
  const files = new Map<string, Buffer>();
  let path = '';
  for (const event of decoder.push(tar)) {
    if (event.kind === 'entry') {
      path = event.header.name;
      files.set(path, Buffer.alloc(0));
    } else if (event.kind === 'data') files.set(path, Buffer.concat([files.get(path) ?? Buffer.alloc(0), event.data]));
  }
  decoder.finish();
  return files;
}

async function whole(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** As Docker wrote images before version 1.10. */
function legacyArchive(repositories: Record<string, Record<string, string>> | undefined): Buffer {
  const ids = ['a'.repeat(64), 'b'.repeat(64)] as const;
  const layer = (id: string, parent: string | undefined, data: Buffer) => [
    { name: `${id}/` },
    { name: `${id}/VERSION`, data: '1.0' },
    {
      name: `${id}/json`,
      data: JSON.stringify({
        ...{ id, parent, created: '2015-01-01T00:00:00Z', architecture: 'amd64', os: 'linux', config: { Cmd: ['sh'] } },
        container_config: { Cmd: ['/bin/sh', '-c', `make ${id.slice(0, 4)}`] },
      }),
    },
    { name: `${id}/layer.tar`, data },
  ];
  return makeTar([
    ...layer(ids[0], undefined, lower),
    ...layer(ids[1], ids[0], upper),
    ...(repositories === undefined ? [] : [{ name: 'repositories', data: JSON.stringify(repositories) }]),
  ]);
}

describe.runIf(isRoot)('image archives', () => {
  let stores: TestStores;
  beforeEach(async () => {
    stores = await new TestStores().open();
  });
  afterEach(() => stores.dispose());

  const load = (archive: Buffer) => stores.images.load(inPieces(archive, 5000));
  const save = (...references: string[]) => whole(stores.images.save(references));

  /** Nothing of a refused archive is left, nor of what it was unpacked to. */
  const expectNothingLeft = async () => {
    await stores.images.garbage.settled();
    for (const directory of ['content/blobs/sha256', 'content/ingest', 'layers/tmp']) {
      expect(readdirSync(join(stores.dir, directory))).toEqual([]);
    }
    expect(readdirSync(join(stores.dir, 'layers')).filter((name) => name.length === 64)).toEqual([]);
    expect(stores.images.count()).toBe(0);
  };

  describe('with files so large that they are unpacked before it is known what they are', () => {
    const largeLayer = (text: string) =>
      makeTar([
        { name: 'etc/', mode: 0o700 },
        { name: 'etc/motd', data: text },
        { name: 'data', data: Buffer.alloc(3 << 20, text) },
      ]);
    const unpackedDirectories = () => readdirSync(join(stores.dir, 'layers')).filter((name) => name.length === 64);

    it.each([
      ['plain', (tar: Buffer) => tar],
      ['in a gzip archive', (tar: Buffer) => gzipSync(tar)],
    ])('loads layers, %s', async (_name, compress) => {
      const large = { ...two, layers: [largeLayer('lower'), makeTar([{ name: 'etc/motd', data: 'upper' }])] };
      const archive = dockerArchive([large]);
      expect(await load(compress(archive))).toEqual(['two:1']);
      expect(readdirSync(join(stores.dir, 'layers/tmp'))).toEqual([]);
      expect(unpackedDirectories()).toHaveLength(2);
      expect(await load(archive)).toEqual(['two:1']);
      expect(unpackedDirectories()).toHaveLength(2);
    });

    it('keeps nothing of a tar that is no layer', async () => {
      const entries = [{ name: 'stray.tar', data: largeLayer('stray') }];
      const archive = Buffer.concat([makeTar(entries).subarray(0, -1024), dockerArchive([one])]);
      expect(await load(archive)).toEqual(['one:1', 'one:2']);
      await stores.images.garbage.settled();
      expect(readdirSync(join(stores.dir, 'layers/tmp'))).toEqual([]);
      expect(unpackedDirectories()).toHaveLength(1);
    });

    it('names the layer that cannot be unpacked, and leaves nothing', async () => {
      const bad = makeTar([
        { name: 'data', data: Buffer.alloc(3 << 20) },
        { name: '../outside', data: 'x' },
      ]);
      const error = await load(dockerArchive([{ ...one, layers: [bad] }])).catch((thrown: unknown) => thrown);
      expect(String(error)).toContain('layer 1 of one:1');
      await expectNothingLeft();
    });
  });

  it('saves an archive that is a docker-archive and an OCI layout, and the same one each time', async () => {
    await load(dockerArchive([one, two]));
    const archive = await save('one', 'two:1');
    expect(await save('one', 'two:1')).toEqual(archive);
    const files = filesOf(archive);
    expect(JSON.parse(String(files.get('oci-layout')))).toEqual({ imageLayoutVersion: '1.0.0' });
    const docker = JSON.parse(String(files.get('manifest.json')));
    expect(docker.map(({ RepoTags }: { RepoTags: string[] }) => RepoTags)).toEqual([['one:1', 'one:2'], ['two:1']]);
    for (const { Config, Layers } of docker) for (const path of [Config, ...Layers]) expect(files.has(path)).toBe(true);
    const { manifests } = JSON.parse(String(files.get('index.json')));
    expect(manifests.map(({ annotations }: { annotations: Record<string, string> }) => annotations)).toEqual([
      { 'io.containerd.image.name': 'docker.io/library/one:1', 'org.opencontainers.image.ref.name': '1' },
      { 'io.containerd.image.name': 'docker.io/library/one:2', 'org.opencontainers.image.ref.name': '2' },
      { 'io.containerd.image.name': 'docker.io/library/two:1', 'org.opencontainers.image.ref.name': '1' },
    ]);
    for (const { digest, size } of manifests) {
      const data = files.get(`blobs/sha256/${digest.slice(7)}`) ?? Buffer.alloc(0);
      expect([digestOf(data), data.length]).toEqual([digest, size]);
    }
    // The layer that both have is there once.
    expect([...files.keys()].filter((path) => path.startsWith('blobs/sha256/'))).toHaveLength(1 + 2 + 2 + 2);
  });

  it('loads what it has saved: by name, by one of several names, by id', async () => {
    await load(dockerArchive([one, two]));
    const { id } = await stores.images.resolve('two:1');
    const archives = [await save('one:2', 'two:1'), await save(id), await save('two', id)];
    for (const name of ['one:1', 'one:2', 'two:1']) await stores.images.remove(name, NOT_USED);
    await stores.images.garbage.settled();
    expect(await load(archives[0] ?? Buffer.alloc(0))).toEqual(['one:2', 'two:1']);
    await stores.images.remove('two:1', NOT_USED);
    expect(await load(archives[1] ?? Buffer.alloc(0))).toEqual([id]);
    expect(await load(archives[2] ?? Buffer.alloc(0))).toEqual(['two:1']);
    expect((await stores.images.resolve('two:1')).id).toBe(id);
  });

  it('saves nothing of images that are not there', async () => {
    await load(dockerArchive([one]));
    await expect(save('one:1', 'nothing')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    await expect(save('one:3')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  it('keeps what is being saved, though it is removed meanwhile', async () => {
    await load(dockerArchive([two]));
    const chunks = stores.images.save(['two:1']);
    const first = await chunks.next();
    await stores.images.remove('two:1', NOT_USED);
    const rest = await whole(chunks);
    await stores.images.garbage.settled();
    await expectNothingLeft();
    expect(await load(Buffer.concat([first.value ?? Buffer.alloc(0), rest]))).toEqual(['two:1']);
  });

  it.each([
    ['plain', (data: Buffer) => data],
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ])('loads archives of Docker before version 1.10 (%s)', async (_, compress) => {
    const archive = legacyArchive({ old: { '1': 'b'.repeat(64) }, 'example.com:5000/base': { x: 'a'.repeat(64) } });
    expect(await load(compress(archive))).toEqual(['old:1', 'example.com:5000/base:x']);
    expect(await stores.images.inspect('old:1')).toMatchObject({ layers: 2, config: { command: ['sh'] } });
    expect(stores.images.find('old:1').document.history.map((entry) => entry.created_by)).toEqual([
      '/bin/sh -c make aaaa',
      '/bin/sh -c make bbbb',
    ]);
    expect(await load(legacyArchive(undefined))).toEqual([(await stores.images.resolve('old:1')).id]);
  });

  it.each([
    ['of no images', makeTar([{ name: 'etc/motd', data: 'x' }]), /not an image archive/],
    ['cut off in a layer', dockerArchive([two]).subarray(0, 2000), /ends in the middle of an entry/],
    ['cut off in its compression', gzipSync(dockerArchive([two])).subarray(0, -20), /damaged gzip data/],
    ['that is no tar', Buffer.alloc(4096, 'x'), /not a tar archive/],
    [
      'with a manifest of 50 MB',
      makeTar([{ name: 'manifest.json', data: Buffer.alloc(50_000_000, ' ') }]),
      /manifest\.json has 50000000 bytes, more than the 8388608 allowed/,
    ],
    [
      'with a layer that leads outside',
      dockerArchive([{ layers: [makeTar([{ name: '../../evil', data: 'x' }])], names: ['bad:1'] }]),
      /layer 1 of bad:1: .*"\.\.\/\.\.\/evil" leads outside the root/,
    ],
    [
      'with a layer that writes through a link',
      dockerArchive([
        {
          layers: [
            lower,
            makeTar([
              { name: 'out', type: 'symlink', linkName: '/etc' },
              { name: 'out/', data: '' },
            ]),
          ],
          names: ['bad:1'],
        },
      ]),
      undefined,
    ],
    [
      'with a damaged layer',
      makeTar([
        { name: 'manifest.json', data: JSON.stringify([{ Config: 'c.json', Layers: ['l.tar'], RepoTags: ['bad:1'] }]) },
        { name: 'c.json', data: configOf({ layers: [lower] }) },
        { name: 'l.tar', data: upper },
      ]),
      /layer 1 of bad:1 unpacks to sha256:/,
    ],
    [
      'with a blob of another digest',
      makeTar([{ name: `blobs/sha256/${'0'.repeat(64)}`, data: 'x' }]),
      /"blobs\/sha256\/0+": a blob has the digest sha256:[0-9a-f]{64} instead of/,
    ],
    [
      'whose manifest names paths outside',
      makeTar([{ name: 'manifest.json', data: '[{"Config":"../../../etc/passwd","Layers":[],"RepoTags":["bad:1"]}]' }]),
      /the archive lacks "\.\.\/\.\.\/\.\.\/etc\/passwd" of bad:1/,
    ],
    [
      'whose files are links to each other',
      makeTar([
        { name: 'manifest.json', type: 'symlink', linkName: 'index.json' },
        { name: 'index.json', type: 'symlink', linkName: 'manifest.json' },
      ]),
      /not an image archive/,
    ],
    [
      'of a form before 1.10 whose layers are their own parents',
      makeTar([
        { name: `${'a'.repeat(64)}/json`, data: JSON.stringify({ parent: 'a'.repeat(64) }) },
        { name: `${'a'.repeat(64)}/layer.tar`, data: lower },
        { name: 'repositories', data: JSON.stringify({ bad: { '1': 'a'.repeat(64) } }) },
      ]),
      /more than 127 layers/,
    ],
  ])('refuses an archive %s, and leaves nothing', async (_, archive, message) => {
    if (message === undefined) await load(archive);
    else await expect(load(archive)).rejects.toThrow(message);
    if (message === undefined) await stores.images.remove('bad:1', NOT_USED);
    await expectNothingLeft();
  });
});

const NOT_USED = { force: false, isUsed: () => undefined };
