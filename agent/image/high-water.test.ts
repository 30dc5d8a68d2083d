import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import type { NodeImage } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { isAboveMark } from './eviction.ts';
import { HighWaterMark, type ImageUsers } from './high-water.ts';
import { ImageUses } from './image-uses.ts';
import { dockerArchive } from './testing/archives.ts';
import { inPieces, isRoot, makeTar, TestStores } from './testing/fixtures.ts';
import { makePlatformImages } from './testing/platform-images.ts';

const MINUTE_MS = 60_000;
const ALWAYS = new AbortController().signal;
const logger = pino({ level: 'silent' });

describe('the high-water mark', () => {
  it.each([
    [84, false],
    [85, false],
    [86, true],
  ])('of 85 %% with %i %% used', (usedBytes, expected) => {
    expect(isAboveMark({ usedBytes, totalBytes: 100 }, 85)).toBe(expected);
  });
});

describe.runIf(isRoot)('a disk that is too full', () => {
  let stores: TestStores;
  let uses: ImageUses;
  /** Images that there is room for. */
  let room: number;
  let nowMs: number;
  let containersOf: string[];
  let cacheBytes: number;
  let needed: (images: readonly NodeImage[]) => Promise<ReadonlySet<string>>;

  beforeEach(async () => {
    stores = await new TestStores().open();
    uses = new ImageUses(stores.dir, logger);
    [room, containersOf, cacheBytes] = [0, [], 0];
    needed = async () => new Set();
    for (const name of ['a:1', 'b:1', 'c:1']) {
      const layers = [makeTar([{ name: 'file', data: name }])];
      await stores.images.load(inPieces(dockerArchive([{ layers, names: [name] }])));
      stores.now += MINUTE_MS;
    }
    nowMs = stores.now + 20 * MINUTE_MS;
  });
  afterEach(() => stores.dispose());

  const containers: ImageUsers = {
    list: async () => containersOf.map((imageId) => ({ imageId })),
    subscribe: () => () => undefined,
  };

  async function makeRoom(highPercent = 85): Promise<string[]> {
    const buildCache = {
      cacheUsage: () => [{ sizeBytes: cacheBytes, shared: false }],
      pruneCache: async ({ keepBytes }: { keepBytes: number }) => {
        const deleted = cacheBytes > keepBytes ? ['step'] : [];
        cacheBytes = keepBytes;
        return { deleted };
      },
    };
    const fill = async () => ({
      usedBytes: stores.images.count() > room || cacheBytes > 10 ? 90 : 80,
      totalBytes: 100,
    });
    const mark = new HighWaterMark({
      ...{ dir: stores.dir, highPercent, images: stores.images, uses, containers, buildCache, fill, logger },
      neededImages: (images) => needed(images),
      clock: () => nowMs,
    });
    await mark.look(ALWAYS);
    return (await stores.images.list({ filters: [] })).flatMap(({ tags }) => tags).sort();
  }

  const idOf = async (name: string) => (await stores.images.resolve(name)).id;

  it('loses an image for several platforms with all of them, unless a container has one', async () => {
    for (const name of ['a:1', 'b:1', 'c:1'])
      await stores.images.remove(name, { force: true, isUsed: () => undefined });
    const { records } = await makePlatformImages(stores.images, 'several:1', ['linux/s390x', 'linux/riscv64']);
    nowMs = stores.now + 20 * MINUTE_MS;
    containersOf = [records[1]?.id ?? ''];
    expect(await makeRoom()).toEqual(['several:1']);
    containersOf = [];
    expect(await makeRoom()).toEqual([]);
    expect(stores.images.state.images.size).toBe(0);
  });

  it('loses images, the longest unused first, until there is room', async () => {
    room = 2;
    expect(await makeRoom()).toEqual(['b:1', 'c:1']);
    uses.note(await idOf('b:1'), stores.now);
    room = 1;
    expect(await makeRoom()).toEqual(['b:1']);
    expect(stores.images.layers.list()).toHaveLength(1);
  });

  it('keeps what containers are made from, what the cluster needs, and what has just come', async () => {
    containersOf = [await idOf('a:1')];
    const asked: string[] = [];
    needed = async (images) => {
      for (const { names } of images) asked.push(...names.filter((name) => !name.includes('@')));
      return new Set([await idOf('b:1')]);
    };
    expect(await makeRoom()).toEqual(['a:1', 'b:1']);
    expect(asked).toEqual(['docker.io/library/b:1', 'docker.io/library/c:1']);
    needed = async () => new Set();
    nowMs = stores.now;
    expect(await makeRoom()).toEqual(['a:1', 'b:1']);
  });

  it('keeps what has a name while no manager says what is needed', async () => {
    needed = async () => {
      throw new GantryError('UNAVAILABLE', 'there is no session with a manager');
    };
    // Dangling: its name is another image's.
    await stores.images.tag('b:1', 'a:1');
    expect(await makeRoom()).toEqual(['a:1', 'b:1', 'c:1']);
    expect(stores.images.count()).toBe(2);
  });

  it('loses the build cache last, and no more of it than it must', async () => {
    containersOf = [await idOf('a:1')];
    [room, cacheBytes] = [1, 70];
    expect(await makeRoom()).toEqual(['a:1']);
    expect(cacheBytes).toBe(8);
  });

  it('loses nothing where that is turned off', async () => {
    expect(await makeRoom(0)).toEqual(['a:1', 'b:1', 'c:1']);
  });

  it('knows after a restart what was used', async () => {
    uses.note(await idOf('a:1'), stores.now);
    await uses.save(new Set([await idOf('a:1')]));
    uses = new ImageUses(stores.dir, logger);
    await uses.open();
    room = 1;
    expect(await makeRoom()).toEqual(['a:1']);
  });
});
