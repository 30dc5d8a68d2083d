/** One build for several platforms. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BuildResult } from '../../proto/generated/gantry/v1/engine.ts';
import { hasBusybox, isRoot } from '../image/testing/fixtures.ts';
import { platformName } from '../platform/platform.ts';
import { BuilderFixture } from './testing/builder-fixture.ts';

const FOREIGN = 'linux/s390x';

describe.runIf(isRoot && hasBusybox)('a build for several platforms', () => {
  let fixture: BuilderFixture;
  let own: string;
  beforeEach(async () => {
    fixture = await BuilderFixture.open();
    own = platformName(fixture.stores.images.platform);
  });
  afterEach(async () => await fixture.dispose());

  const both = () => ({ platform: `${FOREIGN},${own}`, tags: ['app:1'] });
  const filesOf = (id: string, file: string) =>
    fixture.withRootfs(id, (root) => readFileSync(join(root, file), 'utf8').trim());
  const idOn = async (platform: string) => (await fixture.stores.images.inspect('app:1', platform)).id;

  it('gives an index of one image each, under one name', async () => {
    const dockerfile = 'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /which\nENV FOR=$TARGETARCH\n';
    const files = [
      { name: 's390x', data: 'foreign' },
      { name: own.slice('linux/'.length), data: 'own' },
    ];
    const options = { ...both(), annotations: { a: '1' }, indexAnnotations: { b: '2' } };
    const { id, steps } = await fixture.build(dockerfile, files, options);
    expect(steps.map(({ place }) => place).sort()).toEqual(
      [FOREIGN, own].flatMap((platform) => [`${platform} 1/2`, `${platform} 2/2`]).sort(),
    );
    const { images } = fixture.stores;
    expect(images.find('app:1').id).toBe(id);
    expect(await filesOf(id, 'which')).toBe('own');
    expect(await filesOf(await idOn(FOREIGN), 'which')).toBe('foreign');
    const target = images.named('docker.io/library/app:1')?.target ?? images.find(id).manifestDigest;
    const index = JSON.parse((await images.content.read(target, 1 << 20)).toString());
    expect(index).toMatchObject({
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ platform: { os: 'linux', architecture: 's390x' } }, { platform: images.platform }],
      annotations: { b: '2' },
    });
    const again = await fixture.build(dockerfile, files, options);
    expect(again.id).toBe(id);
    expect(images.named('docker.io/library/app:1')?.target).toBe(target);
    expect(images.state.images.size).toBe(3);
  });

  it('makes once what is the same for all, also without the cache', async () => {
    const dockerfile = [
      'FROM --platform=$BUILDPLATFORM busybox AS build',
      'RUN echo once >> /made',
      'ARG TARGETPLATFORM',
      'ARG TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM',
      'RUN echo "$TARGETPLATFORM $TARGETOS $TARGETARCH [$TARGETVARIANT] $BUILDPLATFORM" > /which',
      'FROM scratch',
      'COPY --from=build /made /which /',
    ].join('\n');
    const platform = `linux/arm/v6,${own}`;
    const { id, steps } = await fixture.build(dockerfile, [], { ...both(), platform, noCache: true });
    const run = (text: string) => steps.filter((step) => step.text.startsWith(`RUN echo ${text}`));
    expect(
      run('once')
        .map(({ cached }) => cached)
        .sort(),
    ).toEqual([false, true]);
    expect(
      run('"$TARGET')
        .map(({ cached, place }) => [cached, place])
        .sort(),
    ).toEqual([
      [false, `${own} build 3/3`],
      [false, `${own}->arm/v6 build 3/3`],
    ]);
    expect(await filesOf(id, 'which')).toBe(`${own} linux ${own.slice(6)} [] ${own}`);
    expect(await filesOf(await idOn('linux/arm/v6'), 'which')).toBe(`linux/arm/v6 linux arm [v6] ${own}`);
    expect(fixture.stores.images.findFor('app:1', { os: 'linux', architecture: 'arm' })?.document.variant).toBe('v6');
  });

  it('is made on images for each, brought where they are not here', async () => {
    fixture.registry.set(`busybox for ${FOREIGN}`, fixture.busybox);
    const { id } = await fixture.build('FROM busybox\nCOPY x /\n', [{ name: 'x', data: 'x' }], both());
    expect(fixture.brought).toEqual(['busybox']);
    expect(fixture.stores.images.find(id).document).toMatchObject(fixture.stores.images.platform);
    expect(await fixture.stores.images.inspect('app:1', FOREIGN)).toMatchObject({ architecture: 's390x', layers: 2 });
    // What the name stood for here it does still.
    expect(platformName(fixture.stores.images.find('busybox').document)).toBe(own);
  });

  it('is made on one that was built so before', async () => {
    await fixture.build('FROM scratch\nCOPY x /\n', [{ name: 'x', data: 'x' }], both());
    const options = { ...both(), tags: ['next:1'] };
    await fixture.build('FROM app:1\nCOPY y /\n', [{ name: 'y', data: 'y' }], options);
    expect(new Set(fixture.stores.images.platforms('next:1').map(platformName))).toEqual(new Set([FOREIGN, own]));
    await expect(fixture.build('FROM app:1\n', [], { platform: 'linux/arm64' })).rejects.toThrow(
      `Dockerfile:1: app:1 is here for ${own}, ${FOREIGN}, and for linux/arm64 it cannot be had: manifest for`,
    );
    expect(fixture.brought.at(-1)).toMatch(/^docker\.io\/library\/app@sha256:/);
  });

  it('fails with the line that cannot be done for one of them, and names nothing', async () => {
    fixture.registry.set(`busybox for ${FOREIGN}`, fixture.busybox);
    await expect(fixture.build('FROM busybox\nRUN true\n', [], both())).rejects.toThrow(
      `Dockerfile:2: RUN true: this host is ${own} and cannot run programs of ${FOREIGN}`,
    );
    expect(fixture.stores.images.named('docker.io/library/app:1')).toBeUndefined();
    await expect(fixture.build('FROM --platform=linux/amd64,linux/arm64 busybox\n', [], {})).rejects.toThrow(
      'Dockerfile:1: --platform=linux/amd64,linux/arm64: a stage is for one platform',
    );
  });

  it('gives the files of each in a directory of its own', async () => {
    const { archive } = await fixture.build('FROM scratch\nCOPY x /\n', [{ name: 'x', data: 'x' }], {
      platform: `linux/arm/v7,${own}`,
      results: [BuildResult.FILES],
    });
    fixture.registry.set('files', archive);
    const { id } = await fixture.build('FROM files\n');
    await fixture.withRootfs(id, (root) => {
      const places = ['linux_arm_v7', own.replaceAll('/', '_')];
      expect(readdirSync(root).sort()).toEqual(places.sort());
      for (const place of places) expect(readdirSync(join(root, place))).toEqual(['x']);
    });
  });

  it('takes steps from a cache that it has put into the images', async () => {
    const dockerfile = 'FROM scratch\nARG TARGETARCH\nCOPY x /$TARGETARCH\n';
    const files = [{ name: 'x', data: 'x' }];
    await fixture.build(dockerfile, files, { ...both(), inlineCache: true });
    await fixture.builder.pruneCache({ all: true, filters: [], keepBytes: 0 });
    const { steps } = await fixture.build(dockerfile, files, { ...both(), cacheImages: ['app:1'] });
    expect(steps.filter(({ text }) => text.startsWith('COPY')).map(({ cached }) => cached)).toEqual([true, true]);
  });
});
