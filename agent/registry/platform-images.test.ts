/** Images for several platforms to a registry, and from there. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRoot } from '../image/testing/fixtures.ts';
import { makePlatformImages, type PlatformImages } from '../image/testing/platform-images.ts';
import { TestRegistry } from '../registry-server/testing/registry-client.ts';
import { RegistryFixture } from './testing/registry-fixture.ts';

const NOBODY = { force: true, isUsed: () => undefined };

describe.runIf(isRoot)('an image for several platforms', () => {
  let registry: TestRegistry;
  let fixture: RegistryFixture;
  let web: PlatformImages;
  const host = () => `127.0.0.1:${registry.port}`;
  const name = () => `${host()}/shop/web:1`;

  beforeEach(async () => {
    registry = await new TestRegistry().start();
    fixture = await new RegistryFixture({ stallMs: 5000 }).open();
    const { os, architecture } = fixture.stores.images.platform;
    web = await makePlatformImages(fixture.stores.images, name(), ['linux/s390x', `${os}/${architecture}`]);
  });
  afterEach(async () => {
    await fixture.dispose();
    await registry.stop();
  });

  const manifest = async (reference: string) => {
    const answer = await fetch(`http://${host()}/v2/shop/web/manifests/${reference}`);
    return { status: answer.status, digest: answer.headers.get('docker-content-digest') };
  };

  it('is pushed whole, and pulled for one after the other beside each other', async () => {
    const { images } = fixture.stores;
    const events = await fixture.push(name());
    expect(events.at(-1)?.message).toMatchObject({ value: { tag: '1', digest: web.digest } });
    expect(await manifest('1')).toEqual({ status: 200, digest: web.digest });
    for (const { manifestDigest } of web.records) expect(await manifest(manifestDigest)).toMatchObject({ status: 200 });
    expect((await images.inspect(name())).digests).toEqual([`${host()}/shop/web@${web.digest}`]);

    await images.remove(name(), NOBODY);
    await images.garbage.settled();
    await fixture.pull(name(), { platform: 's390x' });
    expect(images.find(name()).id).toBe(web.records[0].id);
    await fixture.pull(name());
    expect(images.find(name()).id).toBe(web.records[1]?.id);
    expect(images.platforms(name())).toHaveLength(2);
    const again = await fixture.pull(name(), { platform: 's390x' });
    expect(again.at(-1)?.message).toMatchObject({ value: { isNew: false, imageId: web.records[0].id } });
    expect(images.find(name()).id).toBe(web.records[1]?.id);

    // All of it is here again.
    await images.tag(name(), `${host()}/shop/copy:1`);
    const [copied] = (await fixture.push(`${host()}/shop/copy:1`)).slice(-1);
    expect(copied?.message).toMatchObject({ value: { digest: web.digest } });
  });

  it('is not pushed in part, unless one is named', async () => {
    const { images } = fixture.stores;
    const { os, architecture } = images.platform;
    const three = ['linux/s390x', `${os}/${architecture}`, 'linux/riscv64'] as const;
    const { records } = await makePlatformImages(images, name(), three);
    await images.remove(records[2]?.id ?? '', NOBODY);
    await expect(fixture.push(name())).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: `${name()} is here for linux/s390x, ${os}/${architecture}, and not for all that its index is for`,
    });
    await fixture.push(name(), { platform: 'linux/s390x' });
    expect(await manifest('1')).toEqual({ status: 200, digest: records[0].manifestDigest });
  });

  it('is pushed for one alone where that is asked for, or where no more is here', async () => {
    const { images } = fixture.stores;
    const [foreign, own] = web.records;
    await fixture.push(name(), { platform: 'linux/s390x' });
    expect(await manifest('1')).toEqual({ status: 200, digest: foreign.manifestDigest });
    await expect(fixture.push(name(), { platform: 'linux/arm64' })).rejects.toThrow(
      'does not provide the specified platform (linux/arm64)',
    );
    await images.remove(foreign.id, NOBODY);
    await fixture.push(name());
    expect(await manifest('1')).toEqual({ status: 200, digest: own?.manifestDigest });
  });
});
