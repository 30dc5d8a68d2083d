import { execFileSync } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Digest } from '../../proto/ids.ts';
import { digestOf } from './content-store.ts';
import { configOf, dockerArchive, type TestImage } from './testing/archives.ts';
import { hasBusybox, inPieces, isRoot, makeTar, TestStores } from './testing/fixtures.ts';

const NOT_USED = { force: false, isUsed: () => undefined };

const baseLayer = makeTar([
  { name: 'tmp/', mode: 0o1777 },
  { name: 'etc/' },
  { name: 'etc/motd', data: 'base' },
  { name: 'gone', data: 'x' },
]);
const topLayer = makeTar([
  { name: 'tmp/note', data: 'note' },
  { name: '.wh.gone', data: '' },
  { name: 'etc/motd', data: 'top' },
]);
const base: TestImage = {
  layers: [baseLayer],
  names: ['base:1'],
  config: { Cmd: ['sh'] },
  created: '2024-01-01T00:00:00Z',
};
const top: TestImage = {
  layers: [baseLayer, topLayer],
  names: ['top:1'],
  config: { Labels: { tier: 'web' } },
  created: '2024-02-01T00:00:00Z',
};

describe.runIf(isRoot)('images', () => {
  let stores: TestStores;
  beforeEach(async () => {
    stores = await new TestStores().open();
  });
  afterEach(() => stores.dispose());

  const load = (archive: Buffer) => stores.images.load(inPieces(archive, 5000));
  const layerDirectories = () => readdirSync(join(stores.dir, 'layers')).filter((name) => name.length === 64);
  const blobs = () => readdirSync(join(stores.dir, 'content/blobs/sha256'));

  it('loads a docker-archive, shares layers, and shows what a container would see', async () => {
    expect(await load(dockerArchive([base, top]))).toEqual(['base:1', 'top:1']);
    expect(layerDirectories()).toHaveLength(2);
    expect(stores.images.count()).toBe(2);
    expect(await stores.images.resolve('base:1')).toMatchObject({
      name: 'base:1',
      os: 'linux',
      config: { command: ['sh'] },
    });
    const { id } = await stores.images.resolve('top:1');
    const target = join(stores.dir, 'mnt');
    await stores.snapshots.prepare('c1', id);
    await stores.snapshots.prepare('c1', id);
    await stores.snapshots.mount('c1', target, 'durable');
    await stores.snapshots.mount('c1', target, 'durable');
    try {
      expect(readdirSync(target).sort()).toEqual(['etc', 'tmp']);
      expect(readFileSync(join(target, 'etc/motd'), 'utf8')).toBe('top');
      // The top layer's tar has no entry for tmp.
      expect(statSync(join(target, 'tmp')).mode & 0o7777).toBe(0o1777);
      writeFileSync(join(target, 'etc/motd'), 'mine');
    } finally {
      await stores.snapshots.unmount(target);
      await stores.snapshots.unmount(target);
    }
    expect(readFileSync(join(stores.snapshots.upper('c1'), 'etc/motd'), 'utf8')).toBe('mine');
    // overlayfs refuses what was mounted as volatile before, unless it is told that this is meant.
    for (const durability of ['volatile', 'volatile', 'durable'] as const) {
      await stores.snapshots.mount('c1', target, durability);
      expect(/[,=]volatile/.test(mountLine(target))).toBe(durability === 'volatile');
      await stores.snapshots.unmount(target);
    }
    await stores.snapshots.remove('c1');
    await stores.snapshots.remove('c1');
    expect(existsSync(stores.snapshots.upper('c1'))).toBe(false);
  });

  it.each(['none', 'gzip'])('loads an OCI layout with an index for several platforms (%s)', async (compression) => {
    const layer = compression === 'gzip' ? gzipSync(baseLayer) : baseLayer;
    const config = configOf(base);
    const descriptor = (data: Buffer, mediaType: string) => ({ mediaType, digest: digestOf(data), size: data.length });
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        config: descriptor(config, 'application/vnd.oci.image.config.v1+json'),
        layers: [descriptor(layer, 'application/vnd.oci.image.layer.v1.tar')],
      }),
    );
    const { architecture } = stores.images.platform;
    const manifests = [
      {
        ...descriptor(Buffer.from('{}'), 'application/vnd.oci.image.manifest.v1+json'),
        platform: { os: 'linux', architecture: 'mips' },
      },
      {
        ...descriptor(manifest, 'application/vnd.oci.image.manifest.v1+json'),
        platform: { os: 'linux', architecture },
      },
    ];
    const index = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests }),
    );
    const entry = {
      ...descriptor(index, 'application/vnd.oci.image.index.v1+json'),
      annotations: { 'io.containerd.image.name': 'docker.io/library/multi:1' },
    };
    const archive = makeTar([
      ...[layer, config, manifest, index].map((data) => ({ name: `blobs/sha256/${digestOf(data).slice(7)}`, data })),
      { name: 'index.json', data: JSON.stringify({ schemaVersion: 2, manifests: [entry] }) },
      { name: 'oci-layout', data: '{"imageLayoutVersion":"1.0.0"}' },
    ]);
    expect(await load(archive)).toEqual(['multi:1']);
    expect((await stores.images.inspect('multi:1')).digests).toEqual([`multi@${digestOf(index)}`]);
    expect((await stores.images.resolve(`multi@${digestOf(index)}`)).id).toBe(digestOf(config));
  });

  it('reads a compressed archive, and knows its images again after a restart', async () => {
    expect(await load(gzipSync(dockerArchive([top])))).toEqual(['top:1']);
    await stores.reopen();
    expect(await stores.images.inspect('top:1')).toMatchObject({
      tags: ['top:1'],
      labels: { tier: 'web' },
      layers: 2,
      sizeBytes: 12,
    });
  });

  it('loads the same layers at once without disturbing itself', async () => {
    const results = await Promise.all([
      load(dockerArchive([top])),
      load(dockerArchive([base])),
      load(dockerArchive([top])),
    ]);
    expect(results).toEqual([['top:1'], ['base:1'], ['top:1']]);
    expect(layerDirectories()).toHaveLength(2);
    expect(readdirSync(join(stores.dir, 'layers/tmp'))).toEqual([]);
  });

  it('imports a root file system with changes', async () => {
    const changes = [
      'CMD ["/bin/sh"]',
      'ENV A=b C="d e"',
      'EXPOSE 80',
      'WORKDIR /srv',
      'USER 33',
      'LABEL x=y',
      'VOLUME /data',
      'STOPSIGNAL SIGINT',
      'HEALTHCHECK --interval=5s CMD true',
    ];
    const id = await stores.images.import(inPieces(gzipSync(baseLayer)), {
      reference: 'imported',
      changes,
      message: '',
      platform: '',
    });
    expect(await stores.images.inspect(id)).toMatchObject({
      tags: ['imported:latest'],
      config: {
        command: ['/bin/sh'],
        env: ['A=b', 'C=d e'],
        exposedPorts: ['80/tcp'],
        dir: '/srv',
        user: '33',
        labels: { x: 'y' },
        volumes: ['/data'],
        stopSignal: 'SIGINT',
        healthcheck: { test: ['CMD-SHELL', 'true'], intervalMs: 5000 },
      },
    });
    await expect(
      stores.images.import(inPieces(baseLayer), { reference: 'x', changes: ['RUN true'], message: '', platform: '' }),
    ).rejects.toThrow(/change:1: RUN/);
  });

  it('finds images by name, digest, id and prefix of the id', async () => {
    await load(dockerArchive([base, top]));
    const { id } = await stores.images.resolve('base:1');
    for (const reference of [id, id.slice(7), id.slice(7, 19), id.slice(0, 20), 'docker.io/library/base:1']) {
      expect((await stores.images.resolve(reference)).id).toBe(id);
    }
    await expect(stores.images.resolve('base')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    await expect(stores.images.resolve('Base')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(stores.images.resolve('0'.repeat(64))).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  it('untags, deletes with the last name, and keeps layers that others have', async () => {
    await load(dockerArchive([base, top]));
    await stores.images.tag('top:1', 'registry.example.com/top:2');
    const { id } = await stores.images.resolve('top:1');
    await expect(stores.images.remove(id, NOT_USED)).rejects.toMatchObject({ code: 'IN_USE' });
    expect(await stores.images.remove('top:1', NOT_USED)).toEqual({ untagged: ['top:1'], deleted: [] });
    const { deleted, untagged } = await stores.images.remove('registry.example.com/top:2', NOT_USED);
    expect(untagged).toEqual(['registry.example.com/top:2']);
    expect(deleted[0]).toBe(id);
    expect(deleted).toHaveLength(2);
    await stores.images.garbage.settled();
    expect(layerDirectories()).toHaveLength(1);
    await stores.images.remove('base:1', NOT_USED);
    await stores.images.garbage.settled();
    expect(layerDirectories()).toEqual([]);
    expect(blobs()).toEqual([]);
    expect(readdirSync(join(stores.dir, 'layers/trash'))).toEqual([]);
  });

  it('keeps an image that a container was made from', async () => {
    await load(dockerArchive([base]));
    const used = (force: boolean) => ({ force, isUsed: () => 'web' });
    await expect(stores.images.remove('base:1', used(false))).rejects.toMatchObject({
      code: 'IN_USE',
      message: expect.stringContaining('container web'),
    });
    const { id } = await stores.images.resolve('base:1');
    expect(await stores.images.remove('base:1', used(true))).toEqual({ untagged: ['base:1'], deleted: [] });
    expect(await stores.images.list({ filters: ['dangling=true'] })).toMatchObject([{ id, tags: [] }]);
  });

  it('keeps the layers of a snapshot whose image was removed', async () => {
    await load(dockerArchive([base]));
    await stores.snapshots.prepare('c1', (await stores.images.resolve('base:1')).id);
    await stores.images.remove('base:1', { force: true, isUsed: () => undefined });
    await stores.images.garbage.settled();
    expect(layerDirectories()).toHaveLength(1);
    await stores.reopen();
    const target = join(stores.dir, 'mnt');
    await stores.snapshots.mount('c1', target, 'durable');
    expect(readFileSync(join(target, 'etc/motd'), 'utf8')).toBe('base');
    await stores.snapshots.unmount(target);
  });

  it('lists with filters', async () => {
    await load(dockerArchive([base, top]));
    const names = async (...filters: string[]) => (await stores.images.list({ filters })).flatMap(({ tags }) => tags);
    expect(await names()).toEqual(['top:1', 'base:1']);
    expect(await names('reference=ba*')).toEqual(['base:1']);
    expect(await names('reference=*:1')).toEqual(['top:1', 'base:1']);
    expect(await names('label=tier')).toEqual(['top:1']);
    expect(await names('label=tier=db')).toEqual([]);
    expect(await names('before=top:1')).toEqual(['base:1']);
    expect(await names('since=base:1')).toEqual(['top:1']);
    expect(await names('dangling=true')).toEqual([]);
    await expect(names('color=red')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it.each<[string, () => Buffer, RegExp]>([
    ['no archive at all', () => Buffer.from('x'.repeat(2000)), /not a tar archive/],
    ['a root file system', () => baseLayer, /neither manifest.json nor index.json/],
    [
      'a layer that is missing',
      () =>
        makeTar([
          { name: 'c.json', data: configOf(base) },
          {
            name: 'manifest.json',
            data: JSON.stringify([{ Config: 'c.json', RepoTags: ['base:1'], Layers: ['l.tar'] }]),
          },
        ]),
      /lacks "l.tar" of base:1/,
    ],
    ['a manifest that is no JSON', () => makeTar([{ name: 'manifest.json', data: '{' }]), /manifest.json is not JSON/],
    [
      'a manifest of 50 MB',
      () => makeTar([{ name: 'manifest.json', data: Buffer.alloc(50_000_000, 0x20) }]),
      /50000000 bytes, more than/,
    ],
    [
      'a blob with another digest',
      () => makeTar([{ name: `blobs/sha256/${'0'.repeat(64)}`, data: 'x' }]),
      /instead of sha256:000/,
    ],
    [
      'a layer that leads outside',
      () => dockerArchive([{ ...base, layers: [makeTar([{ name: '../evil', data: 'x' }])] }]),
      /layer 1 of base:1.*\.\.\/evil/,
    ],
    ['an archive that was cut off', () => dockerArchive([base]).subarray(0, 3000), /ends in the middle/],
  ])('refuses %s and leaves nothing', async (_, archive, message) => {
    await expect(load(archive())).rejects.toThrow(message);
    await stores.images.garbage.settled();
    expect(stores.images.count()).toBe(0);
    expect(blobs()).toEqual([]);
    expect(layerDirectories()).toEqual([]);
    expect(readdirSync(join(stores.dir, 'layers/tmp'))).toEqual([]);
    expect(readdirSync(join(stores.dir, 'content/ingest'))).toEqual([]);
  });

  it('refuses a layer that is not what the config says', async () => {
    const config = configOf({ layers: [topLayer] });
    const archive = makeTar([
      { name: 'c.json', data: config },
      { name: 'l.tar', data: baseLayer },
      { name: 'manifest.json', data: JSON.stringify([{ Config: 'c.json', RepoTags: ['wrong:1'], Layers: ['l.tar'] }]) },
    ]);
    await expect(load(archive)).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringContaining('layer 1 of wrong:1'),
    });
  });

  it('clears what a crash has left, and unpacks again what it has damaged', async () => {
    await load(dockerArchive([base]));
    mkdirSync(join(stores.dir, 'layers/tmp/half/fs'), { recursive: true });
    mkdirSync(join(stores.dir, 'layers/trash/old'), { recursive: true });
    writeFileSync(join(stores.dir, 'content/ingest/half'), 'x');
    mkdirSync(join(stores.dir, 'snapshots/.tmp/half'), { recursive: true });
    const [layer = ''] = layerDirectories();
    writeFileSync(join(stores.dir, 'layers', layer, 'layer.json'), '');
    await stores.reopen();
    await stores.images.garbage.settled();
    expect(readdirSync(join(stores.dir, 'layers/tmp'))).toEqual([]);
    expect(readdirSync(join(stores.dir, 'layers/trash'))).toEqual([]);
    expect(readdirSync(join(stores.dir, 'content/ingest'))).toEqual([]);
    expect(readdirSync(join(stores.dir, 'snapshots/.tmp'))).toEqual([]);
    expect((await stores.images.inspect('base:1')).sizeBytes).toBe(5);
    expect(readFileSync(join(stores.dir, 'layers', layer, 'fs/etc/motd'), 'utf8')).toBe('base');
  });

  it('mounts an image of 127 layers', async () => {
    const layers = Array.from({ length: 127 }, (_, index) => makeTar([{ name: `f${index}`, data: String(index) }]));
    await load(dockerArchive([{ layers, names: ['deep:1'] }]));
    const { id } = await stores.images.resolve('deep:1');
    const target = join(stores.dir, 'mnt');
    await stores.snapshots.prepare('deep', id);
    await stores.snapshots.mount('deep', target, 'durable');
    try {
      expect(readdirSync(target)).toHaveLength(127);
    } finally {
      await stores.snapshots.unmount(target);
    }
  });

  it.runIf(hasBusybox && hasProgram('skopeo') && hasProgram('umoci'))('loads what umoci and skopeo make', async () => {
    const layout = join(stores.dir, 'layout');
    const run = (program: string, ...args: string[]) => execFileSync(program, args, { cwd: stores.dir, stdio: 'pipe' });
    run('umoci', 'init', '--layout', layout);
    run('umoci', 'new', '--image', `${layout}:latest`);
    mkdirSync(join(stores.dir, 'files'));
    writeFileSync(join(stores.dir, 'files/hello'), 'hello');
    run('umoci', 'insert', '--image', `${layout}:latest`, join(stores.dir, 'files'), '/srv');
    run('umoci', 'config', '--image', `${layout}:latest`, '--config.cmd', '/srv/hello');
    run('skopeo', 'copy', `oci:${layout}:latest`, `docker-archive:${join(stores.dir, 'docker.tar')}:made/by-skopeo:1`);
    run('skopeo', 'copy', `oci:${layout}:latest`, `oci-archive:${join(stores.dir, 'oci.tar')}:localhost/made:2`);
    expect(await stores.images.load(createReadStream(join(stores.dir, 'docker.tar')))).toEqual(['made/by-skopeo:1']);
    expect(await stores.images.load(createReadStream(join(stores.dir, 'oci.tar')))).toEqual(['localhost/made:2']);
    const first = await stores.images.inspect('made/by-skopeo:1');
    expect(first.config?.command).toEqual(['/srv/hello']);
    expect(stores.images.find('localhost/made:2').chainIds).toEqual(stores.images.find(first.id as Digest).chainIds);
  });
});

function hasProgram(name: string): boolean {
  return ['/usr/bin', '/usr/sbin', '/usr/local/bin'].some((dir) => existsSync(join(dir, name)));
}

/** With its options. */
function mountLine(target: string): string {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return lines.find((line) => line.split(' ')[1] === target) ?? '';
}
