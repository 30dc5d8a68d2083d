import { describe, expect, it } from 'vitest';
import type { Digest } from '../../proto/ids.ts';
import { emptyImageDocument } from './image-config.ts';
import type { ImageRecord, IndexState } from './image-index.ts';
import { planPrune } from './image-prune.ts';
import { imagesSizes } from './image-sizes.ts';

const digest = (number: number): Digest => `sha256:${number.toString(16).padStart(64, '0')}` as Digest;

interface TestImage {
  readonly layers: readonly number[];
  readonly names?: readonly string[];
  readonly created?: string;
  readonly labels?: Record<string, string>;
}

/** Images by number. */
function stateOf(images: Readonly<Record<number, TestImage>>): IndexState {
  const numbers = Object.keys(images).map(Number);
  const base = emptyImageDocument({ os: 'linux', architecture: 'amd64' });
  const record = (number: number): ImageRecord => {
    const { layers = [], created, labels = {} } = images[number] ?? {};
    const manifest = {
      kind: 'manifest',
      mediaType: '',
      config: { mediaType: '', digest: digest(number), size: 0 },
      layers: [],
    } as const;
    const document = { ...base, created, config: { ...base.config, labels } };
    return {
      id: digest(number),
      manifestDigest: digest(100 + number),
      manifest,
      document,
      chainIds: layers.map(digest),
    };
  };
  const names = numbers.flatMap((number) =>
    (images[number]?.names ?? []).map((name) => {
      const manifest = digest(100 + number);
      return [`docker.io/library/${name}`, { manifest, target: manifest }] as const;
    }),
  );
  return {
    images: new Map(numbers.map((number) => [digest(100 + number), record(number)])),
    names: new Map(names),
    others: new Map(),
  };
}

const STATE = stateOf({
  1: { layers: [11], names: ['base:1'], created: '2024-01-01T00:00:00Z' },
  2: { layers: [11, 12], created: '2024-02-01T00:00:00Z', labels: { tier: 'web' } },
  3: { layers: [11, 12, 13], created: '2024-03-01T00:00:00Z' },
  4: { layers: [14], names: ['used:1', 'used:2'], created: '2024-04-01T00:00:00Z' },
});

const pruned = (all: boolean, filters: string[] = [], used: number[] = []) => {
  const { plans, state } = planPrune(STATE, { all, filters }, (id) => used.map(digest).includes(id));
  const left = [...state.images.values()].map(({ id }) => Number.parseInt(id.slice(-4), 16));
  return { left, names: plans.flatMap(({ names }) => names), deleted: plans.flatMap((plan) => plan.deleted) };
};

describe('a prune of images', () => {
  it('takes what has a name by its digest alone, as what a tag of a registry has moved away from', () => {
    const state = stateOf({
      1: { layers: [11], names: [`old@${digest(7)}`] },
      2: { layers: [11], names: ['new:1', `new@${digest(8)}`] },
    });
    const { plans } = planPrune(state, { all: false, filters: [] }, () => false);
    expect(plans.flatMap(({ names }) => names)).toEqual([`docker.io/library/old@${digest(7)}`]);
  });

  it('takes those without names, and the layers that go with the last that has them', () => {
    expect(pruned(false)).toEqual({
      left: [1, 4],
      names: [],
      deleted: [digest(2), digest(3), digest(13), digest(12)],
    });
  });

  it('takes all that no container was made from, when asked', () => {
    expect(pruned(true, [], [4, 2]).left).toEqual([2, 4]);
    expect(pruned(true, [], [1]).names).toEqual(['docker.io/library/used:1', 'docker.io/library/used:2']);
  });

  it.each([
    [['until=1707000000'], [3, 4]],
    [['label=tier'], [1, 3, 4]],
    [['label=tier=db'], [1, 2, 3, 4]],
    [['label!=tier'], [2]],
    [
      ['label!=tier', 'until=1707000000'],
      [2, 3, 4],
    ],
  ])('is filtered by %j', (filters, left) => {
    expect(pruned(true, filters).left).toEqual(left);
  });

  it('is refused with a filter that it does not know', () => {
    expect(() => pruned(true, ['color=red'])).toThrow(/invalid filter "color=red"/);
    expect(() => pruned(true, ['until=yesterday'])).toThrow(/invalid filter "until=yesterday"/);
  });
});

describe('sizes of images', () => {
  it('tell what an image has alone from what others have, too', () => {
    const { byId, totalBytes } = imagesSizes(STATE, (layer) => Number.parseInt(layer.slice(-4), 16));
    expect(totalBytes).toBe(11 + 12 + 13 + 14);
    expect([...byId.values()]).toEqual([
      { sharedBytes: 11, uniqueBytes: 0 },
      { sharedBytes: 11 + 12, uniqueBytes: 0 },
      { sharedBytes: 11 + 12, uniqueBytes: 13 },
      { sharedBytes: 0, uniqueBytes: 14 },
    ]);
  });
});
