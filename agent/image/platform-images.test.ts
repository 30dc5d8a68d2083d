/** One name for images of several platforms: what it stands for, what is beside it, and what becomes of that. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inPieces, isRoot, TestStores } from './testing/fixtures.ts';
import { makePlatformImages, type PlatformImages } from './testing/platform-images.ts';
import { compareText } from './text-order.ts';

const NOBODY = { force: false, isUsed: () => undefined };

describe.runIf(isRoot)('an image for several platforms', () => {
  let stores: TestStores;
  let web: PlatformImages;
  let own: string;

  beforeEach(async () => {
    stores = await new TestStores().open();
    const { os, architecture } = stores.images.platform;
    own = `${os}/${architecture}`;
    web = await makePlatformImages(stores.images, 'web:1', ['linux/s390x', own, 'linux/arm/v6']);
  });
  afterEach(async () => await stores.dispose());

  const listed = async () => (await stores.images.list({ filters: [] })).map(({ id }) => id).sort(compareText);
  const ids = () => web.records.map(({ id }) => id);
  const sorted = (...some: string[]) => some.toSorted(compareText);
  const left = async () => {
    await stores.images.garbage.settled();
    return [...stores.images.state.images.keys()].length + stores.images.content.list().length;
  };

  it("is the host's to who asks for none in particular, and listed once", async () => {
    const [, host, arm] = web.records;
    expect(stores.images.find('web:1').id).toBe(host?.id);
    expect(await listed()).toEqual([host?.id]);
    expect(stores.images.count()).toBe(1);
    expect(await stores.images.inspect('web:1', 'linux/arm/v7')).toMatchObject({
      ...{ id: arm?.id, architecture: 'arm', variant: 'v6', tags: ['web:1'], digests: [`web@${web.digest}`] },
    });
    expect(await stores.images.resolve('web:1', 's390x')).toMatchObject({ architecture: 's390x', name: 'web:1' });
    await expect(stores.images.resolve('web:1', 'linux/arm64')).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: 'image with reference web:1 was found but does not provide the specified platform (linux/arm64)',
    });
  });

  it('stays whole when garbage is collected, and after a restart', async () => {
    const before = await left();
    stores.images.garbage.schedule();
    expect(await left()).toBe(before);
    await stores.reopen();
    expect(await left()).toBe(before);
    expect(stores.images.platforms('web:1')).toHaveLength(3);
    expect(await listed()).toHaveLength(1);
  });

  it('goes with its last name, all of it', async () => {
    await stores.images.tag('web:1', 'other:1');
    expect(stores.images.findFor('other:1', { os: 'linux', architecture: 's390x' })?.id).toBe(ids()[0]);
    expect(await stores.images.remove('web:1', NOBODY)).toMatchObject({ deleted: [] });
    expect(stores.images.platforms('other:1')).toHaveLength(3);
    const { deleted } = await stores.images.remove('other:1', NOBODY);
    expect(deleted).toEqual(expect.arrayContaining(ids()));
    expect(await left()).toBe(0);
  });

  it('is not removed, nor pruned, while a container of any platform has it', async () => {
    const isUsed = (id: string) => (id === ids()[0] ? 'zebra' : undefined);
    await expect(stores.images.remove('web:1', { force: false, isUsed })).rejects.toThrow('container zebra is using');
    await stores.images.prune({ all: true, filters: [] }, (id) => isUsed(id) !== undefined);
    expect(stores.images.platforms('web:1')).toHaveLength(3);
    await stores.images.remove('web:1', { force: true, isUsed });
    expect(await listed()).toEqual(sorted(...ids()));
    await stores.images.prune({ all: false, filters: [] }, () => false);
    expect(await left()).toBe(0);
  });

  it('leaves images without a name when its name goes to another', async () => {
    const next = await makePlatformImages(stores.images, 'web:1', [own, 'linux/riscv64']);
    expect(await listed()).toEqual(sorted(...ids(), next.records[0].id));
    expect(stores.images.platforms('web:1').map(({ architecture }) => architecture)).toEqual(
      expect.arrayContaining(['riscv64', stores.images.platform.architecture]),
    );
  });

  it('is saved and loaded with all of them, or one', async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of stores.images.save(['web:1'])) chunks.push(chunk);
    const small: Buffer[] = [];
    for await (const chunk of stores.images.save(['web:1'], 'linux/s390x')) small.push(chunk);
    await stores.images.remove('web:1', NOBODY);
    expect(await left()).toBe(0);
    expect(await stores.images.load(inPieces(Buffer.concat(chunks)))).toEqual(['web:1']);
    expect(stores.images.named('docker.io/library/web:1')).toMatchObject({ target: web.digest });
    expect(stores.images.platforms('web:1')).toHaveLength(3);
    expect(await listed()).toEqual([ids()[1]]);
    await stores.images.remove('web:1', NOBODY);
    expect(await stores.images.load(inPieces(Buffer.concat(small)))).toEqual(['web:1']);
    expect(stores.images.find('web:1').id).toBe(ids()[0]);
    expect(stores.images.platforms('web:1')).toHaveLength(1);
  });

  it('is saved as far as it is here', async () => {
    await stores.images.remove(ids()[0] ?? '', NOBODY);
    const chunks: Buffer[] = [];
    for await (const chunk of stores.images.save(['web:1'])) chunks.push(chunk);
    await stores.images.remove('web:1', NOBODY);
    await stores.images.load(inPieces(Buffer.concat(chunks)));
    expect(stores.images.named('docker.io/library/web:1')).toMatchObject({ target: web.digest });
    expect(stores.images.platforms('web:1')).toHaveLength(2);
  });
});
