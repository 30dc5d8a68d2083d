import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { native } from '../../native/addon/native.ts';
import type { Volume } from '../../proto/generated/gantry/v1/engine.ts';
import { VolumeStore } from './volume-store.ts';

const isRoot = process.getuid?.() === 0;
const NOW = 1_700_000_000_000;

let directory: string;
let store: VolumeStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry volume-'));
  store = newStore();
});

afterEach(async () => {
  for (const { name } of await newStore().list([])) await newStore().remove(name);
  rmSync(directory, { recursive: true });
});

/** As after a restart of the agent. */
function newStore(): VolumeStore {
  let count = 0;
  return new VolumeStore({
    dir: join(directory, 'volumes'),
    clock: () => NOW,
    random: (size) => Buffer.alloc(size, ++count),
    native,
    logger: pino({ level: 'silent' }),
  });
}

function spec({ driver = '', driverOpts = {}, labels = {} }) {
  return { driver, driverOpts, labels };
}

function names(volumes: readonly Volume[]): string[] {
  return volumes.map(({ name }) => name);
}

describe('volumes', () => {
  it('makes a volume once and keeps it', async () => {
    const made = await store.ensure('data', spec({ labels: { a: 'b' } }));
    expect(made).toEqual({
      name: 'data',
      driver: 'local',
      mountpoint: join(directory, 'volumes/data/_data'),
      labels: { a: 'b' },
      createdAtMs: NOW,
    });
    writeFileSync(join(made.mountpoint, 'file'), 'x');
    const again = newStore();
    expect(await again.ensure('data', undefined)).toEqual(made);
    expect(await again.list([])).toEqual([made]);
    expect(readFileSync(join(made.mountpoint, 'file'), 'utf8')).toBe('x');
  });

  it('makes one when many ask at once', async () => {
    await Promise.all(Array.from({ length: 10 }, () => store.ensure('data', undefined)));
    expect(names(await store.list([]))).toEqual(['data']);
  });

  it('makes up names for anonymous ones', async () => {
    const first = await store.ensure('', undefined);
    const second = await store.ensure('', undefined);
    expect(first.name).toMatch(/^[0-9a-f]{64}$/);
    expect(second.name).not.toBe(first.name);
  });

  it.each(['a', '/etc', '../up', '.hidden', '-flag', 'a/b', 'sp ace', 'x'.repeat(256)])(
    'refuses the name %j',
    async (name) => {
      await expect(store.ensure(name, undefined)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      expect(await store.list([])).toEqual([]);
    },
  );

  it('refuses what it cannot do, and makes nothing', async () => {
    await expect(store.ensure('data', spec({ driver: 'rexray' }))).rejects.toMatchObject({ code: 'UNSUPPORTED' });
    const bad = spec({ driverOpts: { type: 'nfs' } });
    await expect(store.ensure('data', bad)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await store.list([])).toEqual([]);
  });

  it('refuses other options for a volume that is there', async () => {
    await store.ensure('data', spec({ driverOpts: { type: 'tmpfs', device: 'tmpfs' } }));
    await store.ensure('data', undefined);
    const other = spec({ driverOpts: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' } });
    await expect(store.ensure('data', other)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });

  it('removes what nobody uses', async () => {
    const { mountpoint } = await store.ensure('data', undefined);
    await store.acquire('data', 'one');
    await store.acquire('data', 'one');
    await store.acquire('data', 'two');
    await store.release('data', 'one');
    await expect(store.remove('data')).rejects.toMatchObject({
      code: 'IN_USE',
      message: expect.stringContaining('two'),
    });
    await store.release('data', 'two');
    await store.release('data', 'two');
    await store.remove('data');
    expect(existsSync(mountpoint)).toBe(false);
    await expect(store.remove('data')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store.acquire('data', 'one')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(readdirSync(join(directory, 'volumes'))).toEqual([]);
  });

  it('filters as Docker does', async () => {
    await store.ensure('web-data', spec({ labels: { tier: 'front', x: '' } }));
    await store.ensure('db-data', spec({ labels: { tier: 'back' } }));
    await store.ensure('cache', undefined);
    await store.acquire('cache', 'c1');
    const list = async (...filters: string[]) => names(await store.list(filters));
    expect(await list('name=data')).toEqual(['db-data', 'web-data']);
    expect(await list('name=web', 'name=cache')).toEqual(['cache', 'web-data']);
    expect(await list('label=tier')).toEqual(['db-data', 'web-data']);
    expect(await list('label=tier=front', 'label=x')).toEqual(['web-data']);
    expect(await list('dangling=true')).toEqual(['db-data', 'web-data']);
    expect(await list('dangling=0')).toEqual(['cache']);
    expect(await list('driver=local', 'name=db')).toEqual(['db-data']);
    expect(await list('driver=nfs')).toEqual([]);
    for (const bad of ['size=3', 'dangling=maybe', 'name']) {
      await expect(list(bad)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    await store.release('cache', 'c1');
  });

  it('clears up after a crash in the middle of making or removing', async () => {
    await store.ensure('good', undefined);
    mkdirSync(join(directory, 'volumes/half-made/_data'), { recursive: true });
    mkdirSync(join(directory, 'volumes/.removed-gone/_data'), { recursive: true });
    const again = newStore();
    expect(names(await again.list([]))).toEqual(['good']);
    expect(existsSync(join(directory, 'volumes/.removed-gone'))).toBe(false);
    expect((await again.ensure('half-made', undefined)).createdAtMs).toBe(NOW);
  });

  it('goes on without a volume whose record is broken', async () => {
    await store.ensure('good', undefined);
    await store.ensure('broken', undefined);
    writeFileSync(join(directory, 'volumes/broken/volume.json'), '{');
    expect(names(await newStore().list([]))).toEqual(['good']);
  });
});

describe.skipIf(!isRoot)('populating', () => {
  let image: string;

  beforeEach(() => {
    image = join(directory, 'image');
    mkdirSync(image);
  });

  it('copies everything as it is', async () => {
    const file = join(image, 'file');
    writeFileSync(file, 'content');
    chownSync(file, 12, 34);
    chmodSync(file, 0o4750);
    native.setXattr(file, 'user.note', Buffer.from('n'));
    // cap_net_bind_service=ep, which chown would clear
    native.setXattr(file, 'security.capability', Buffer.from('0100000200040000000000000000000000000000', 'hex'));
    lutimesSync(file, 1000, 1000.5);
    linkSync(file, join(image, 'same'));
    symlinkSync('/etc/passwd', join(image, 'link'));
    native.mknod(join(image, 'null'), 0o020640, 1, 3);
    native.mknod(join(image, 'pipe'), 0o010600, 0, 0);
    mkdirSync(join(image, 'dir/empty'), { recursive: true });
    writeFileSync(Buffer.concat([Buffer.from(`${image}/dir/`), Buffer.of(0xff)]), 'bytes');
    chmodSync(join(image, 'dir'), 0o1777);
    lutimesSync(join(image, 'dir'), 2000, 2000);
    chownSync(image, 5, 6);
    chmodSync(image, 0o700);

    const { mountpoint: data } = await store.ensure('data', undefined);
    await store.populate('data', image);

    const copy = lstatSync(join(data, 'file'));
    expect(copy).toMatchObject({ uid: 12, gid: 34, mode: 0o104750, nlink: 2, mtimeMs: 1_000_500 });
    expect(native.getXattr(join(data, 'file'), 'user.note')?.toString()).toBe('n');
    expect(native.listXattr(join(data, 'file'))).toContain('security.capability');
    expect(lstatSync(join(data, 'same')).ino).toBe(copy.ino);
    expect(readlinkSync(join(data, 'link'))).toBe('/etc/passwd');
    expect(lstatSync(join(data, 'null'))).toMatchObject({ rdev: 0x103, mode: 0o020640 });
    expect(lstatSync(join(data, 'pipe')).isFIFO()).toBe(true);
    expect(lstatSync(join(data, 'dir'))).toMatchObject({ mode: 0o041777, mtimeMs: 2_000_000 });
    expect(readdirSync(join(data, 'dir'), { encoding: 'buffer' })).toContainEqual(Buffer.of(0xff));
    expect(lstatSync(data)).toMatchObject({ uid: 5, gid: 6, mode: 0o040700 });
  });

  it('fills once: what the user has emptied stays empty', async () => {
    writeFileSync(join(image, 'file'), 'x');
    const { mountpoint } = await store.ensure('data', undefined);
    await store.populate('data', image);
    rmSync(join(mountpoint, 'file'));
    await newStore().populate('data', image);
    expect(readdirSync(mountpoint)).toEqual([]);
  });

  it('leaves data alone that were there first', async () => {
    writeFileSync(join(image, 'file'), 'x');
    const { mountpoint } = await store.ensure('data', undefined);
    writeFileSync(join(mountpoint, 'mine'), 'y');
    await store.populate('data', image);
    expect(readdirSync(mountpoint)).toEqual(['mine']);
  });

  it('starts again after a crash in the middle', async () => {
    writeFileSync(join(image, 'file'), 'whole');
    const { mountpoint } = await store.ensure('data', undefined);
    const path = join(directory, 'volumes/data/volume.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"empty"', '"filling"'));
    writeFileSync(join(mountpoint, 'file'), 'ha');
    writeFileSync(join(mountpoint, 'old'), 'lf');
    const again = newStore();
    await again.acquire('data', 'user');
    expect(readdirSync(mountpoint)).toEqual([]);
    await again.populate('data', image);
    expect(readFileSync(join(mountpoint, 'file'), 'utf8')).toBe('whole');
    expect(readdirSync(mountpoint)).toEqual(['file']);
  });

  it('fills nothing from a path that the image does not have', async () => {
    const { mountpoint } = await store.ensure('data', undefined);
    await store.populate('data', join(directory, 'none'));
    expect(readdirSync(mountpoint)).toEqual([]);
    writeFileSync(join(image, 'file'), 'x');
    await store.populate('data', image);
    expect(readdirSync(mountpoint)).toEqual(['file']);
  });
});

describe.skipIf(!isRoot)('volumes with a device', () => {
  const tmpfs = spec({ driverOpts: { type: 'tmpfs', device: 'tmpfs', o: 'size=64k,mode=0711' } });

  it('are mounted while in use', async () => {
    const { mountpoint } = await store.ensure('scratch', tmpfs);
    const mode = () => lstatSync(mountpoint).mode & 0o777;
    expect(mode()).toBe(0o755);
    await store.acquire('scratch', 'one');
    await store.acquire('scratch', 'two');
    expect(mode()).toBe(0o711);
    await store.release('scratch', 'one');
    expect(mode()).toBe(0o711);
    await store.release('scratch', 'two');
    expect(mode()).toBe(0o755);
  });

  it('stay mounted over a restart of the agent, once', async () => {
    const { mountpoint } = await store.ensure('scratch', tmpfs);
    await store.acquire('scratch', 'one');
    writeFileSync(join(mountpoint, 'file'), 'x');
    const again = newStore();
    await again.acquire('scratch', 'one');
    expect(readdirSync(mountpoint)).toEqual(['file']);
    await again.release('scratch', 'one');
    expect(readdirSync(mountpoint)).toEqual([]);
  });

  it('spare the host directory behind a bind mount when they are removed', async () => {
    const device = join(directory, 'host');
    mkdirSync(device);
    writeFileSync(join(device, 'precious'), 'x');
    const options = { type: 'none', device, o: 'bind,ro' };
    const { mountpoint } = await store.ensure('bound', spec({ driverOpts: options }));
    await store.acquire('bound', 'one');
    expect(readdirSync(mountpoint)).toEqual(['precious']);
    expect(() => writeFileSync(join(mountpoint, 'new'), '')).toThrow(/EROFS/);
    await newStore().remove('bound');
    expect(readdirSync(device)).toEqual(['precious']);
  });

  it('say why they cannot be mounted, and stay usable', async () => {
    const device = join(directory, 'later');
    await store.ensure('bound', spec({ driverOpts: { type: 'none', device, o: 'bind' } }));
    await expect(store.acquire('bound', 'one')).rejects.toMatchObject({
      code: 'HOST',
      message: expect.stringContaining(device),
    });
    mkdirSync(device);
    await store.acquire('bound', 'one');
    await store.release('bound', 'one');
  });
});

describe('what managers are told', () => {
  it('is which volumes there are: with data of their own, or mounted from elsewhere; not the anonymous', async () => {
    const changes: string[] = [];
    store.onChange(() => changes.push('changed'));
    await store.ensure('data', undefined);
    await store.ensure('scratch', spec({ driverOpts: { type: 'tmpfs', device: 'tmpfs' } }));
    await store.ensure('', undefined);
    expect(await store.report()).toEqual({ names: ['data'], mounted: ['scratch'] });
    await store.ensure('data', undefined);
    expect(changes).toHaveLength(3);
    await store.remove('data');
    expect(changes).toHaveLength(4);
    expect(await store.report()).toEqual({ names: [], mounted: ['scratch'] });
  });

  it('has those that can’t be read: their data are still there', async () => {
    await store.ensure('data', undefined);
    const record = join(directory, 'volumes', 'data', 'volume.json');
    writeFileSync(record, 'no record');
    expect(await newStore().report()).toEqual({ names: ['data'], mounted: [] });
    rmSync(join(directory, 'volumes', 'data'), { recursive: true });
  });
});
