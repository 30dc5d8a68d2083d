import { describe, expect, it } from 'vitest';
import { ResolveImage } from '../../proto/generated/gantry/v1/control.ts';
import { NodeImages as NodeImagesReport } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { Placement, type Platform } from '../../proto/generated/gantry/v1/types.ts';
import { node, serviceSpec } from '../objects.testing.ts';
import { completeServiceSpec } from '../store/service.ts';
import { platformsOf, withImagePlatforms } from './image-platforms.ts';
import { NodeImages } from './node-images.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };
const WEB = 'docker.io/library/web:1';

const image = (id: string, names: readonly string[], platform: Platform = AMD64) => ({
  id,
  names: [...names],
  platform,
});
const report = (fields: Parameters<typeof NodeImagesReport.fromPartial>[0]) => NodeImagesReport.fromPartial(fields);

describe('NodeImages', () => {
  it('knows who has an image under any of its names, as users write them', () => {
    const images = new NodeImages();
    const digest = `sha256:${'a'.repeat(64)}`;
    images.report('n1', report({ complete: true, put: [image('i1', [WEB, `docker.io/library/web@${digest}`])] }));
    images.report('n2', report({ complete: true, put: [image('i2', ['docker.io/library/web:latest'])] }));
    const holders = (name: string) => [...images.holdersOf(name).keys()];
    expect(holders('web:1')).toEqual(['n1']);
    expect(holders('docker.io/web:1')).toEqual(['n1']);
    expect(holders(`web:9@${digest}`)).toEqual(['n1']);
    expect(holders('web')).toEqual(['n2']);
    for (const name of ['web:2', 'registry:5000/web:1', digest, 'No name']) expect(holders(name)).toEqual([]);
  });

  it('follows what changes: other names, images that go, and nodes that do', () => {
    const images = new NodeImages();
    const holders = () => [...images.holdersOf('web:1').keys()];
    images.report('n1', report({ complete: true, put: [image('i1', [WEB])], partial: true }));
    images.report('n2', report({ complete: true, put: [image('i1', [WEB])] }));
    expect([images.isFullyKnown('n1'), images.isFullyKnown('n2'), images.isFullyKnown('n3')]).toEqual([
      false,
      true,
      false,
    ]);
    images.report('n1', report({ put: [image('i1', []), image('i3', [WEB])] }));
    expect(holders()).toEqual(['n2', 'n1']);
    images.report('n1', report({ removed: ['i3'] }));
    expect(holders()).toEqual(['n2']);
    images.forget('n2');
    expect(holders()).toEqual([]);
    expect(images.isFullyKnown('n2')).toBe(false);
    images.report('n1', report({ complete: true, put: [] }));
    expect(images.isFullyKnown('n1')).toBe(true);
  });
});

describe('the platforms of an image', () => {
  const nodes = [node('n1', { platform: AMD64 }), node('n2', { platform: ARM64 })];
  const known = (...reports: [string, Platform | undefined, boolean?][]) => {
    const images = new NodeImages();
    for (const [id, platform, partial = false] of reports) {
      const put = platform === undefined ? [] : [image(`on ${id}`, [WEB], platform)];
      images.report(id, report({ complete: true, put, partial }));
    }
    return platformsOf('web:1', nodes, images);
  };

  it('are those that it has on any node', () => {
    expect(known(['n1', AMD64], ['n2', ARM64])).toEqual([AMD64, ARM64]);
    expect(known(['n1', AMD64], ['n2', undefined])).toEqual([AMD64]);
  });

  it('are all that a node has of it', () => {
    const images = new NodeImages();
    const put = [{ ...image('several', [WEB]), otherPlatforms: [ARM64] }];
    images.report('n1', report({ complete: true, put }));
    images.report('n2', report({ complete: true, put: [] }));
    expect(platformsOf('web:1', nodes, images)).toEqual([AMD64, ARM64]);
  });

  it('are not known where a node might have it for itself', () => {
    expect(known(['n1', AMD64])).toEqual([]);
    expect(known(['n1', AMD64], ['n2', undefined, true])).toEqual([]);
    expect(known(['n1', undefined], ['n2', undefined])).toEqual([]);
  });

  it('are looked up when a service is deployed, as far as that is wanted', () => {
    const spec = (name: string, placement?: Placement) =>
      completeServiceSpec(serviceSpec('web', { image: name, placement }));
    const resolved = (resolve: ResolveImage, before: string | undefined, found: Platform[]) => {
      const old = before === undefined ? undefined : spec(before, Placement.fromPartial({ imagePlatforms: [ARM64] }));
      return withImagePlatforms(spec('web:1'), old, () => found, resolve).placement?.imagePlatforms;
    };
    expect(resolved(ResolveImage.ALWAYS, undefined, [AMD64])).toEqual([AMD64]);
    expect(resolved(ResolveImage.ALWAYS, 'web:1', [AMD64])).toEqual([AMD64]);
    expect(resolved(ResolveImage.ALWAYS, 'web:1', [])).toEqual([ARM64]);
    expect(resolved(ResolveImage.ALWAYS, 'web:0', [])).toBeUndefined();
    expect(resolved(ResolveImage.CHANGED, 'web:1', [AMD64])).toEqual([ARM64]);
    expect(resolved(ResolveImage.CHANGED, 'web:0', [AMD64])).toEqual([AMD64]);
    expect(resolved(ResolveImage.NEVER, 'web:1', [AMD64])).toBeUndefined();
  });

  it('leave the rest of a placement as it is', () => {
    const placement = Placement.fromPartial({ maxReplicasPerNode: 1, imagePlatforms: [ARM64] });
    const spec = completeServiceSpec(serviceSpec('web', { placement }));
    const never = withImagePlatforms(spec, spec, () => [AMD64], ResolveImage.NEVER);
    expect(never.placement).toEqual(Placement.fromPartial({ maxReplicasPerNode: 1 }));
  });
});
