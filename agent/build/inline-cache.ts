/**
 * A cache that travels within an image: its config says which steps the layers are from, so that a build on another host takes
 * them from it (--cache-from). An image that is for caches alone has layers of several stages. Pure.
 */
import { GantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import { chainIds } from '../image/chain-id.ts';
import type { ImageRecord } from '../image/image-index.ts';
import { asArray, asCount, asObject, asString, parseJson } from '../image/json-fields.ts';
import type { Descriptor } from '../image/manifest.ts';
import type { CacheEntry } from './build-cache.ts';

export interface CachedStep {
  /** See cacheKey. */
  readonly key: string;
  /** Index among the stage's layers; undefined: it made none. */
  readonly layer: number | undefined;
  readonly createdAtMs: number;
}

export interface CachedStage {
  /** Indexes of its layers among those of the image, lowest first. */
  readonly layers: readonly number[];
  readonly steps: readonly CachedStep[];
}

const KEY = /^[0-9a-f]{64}$/;
const WHERE = 'the build cache of the image';

/** For the config of an image that has the layers of one stage. */
export function encodeInlineCache(steps: readonly CachedStep[]): string {
  return JSON.stringify(steps.map(encodeStep));
}

/** For that of an image with the layers of several. Those who know the other form alone refuse it. */
export function encodeStageCaches(stages: readonly CachedStage[]): string {
  return JSON.stringify({ stages: stages.map(({ layers, steps }) => ({ layers, steps: steps.map(encodeStep) })) });
}

function encodeStep({ key, layer, createdAtMs }: CachedStep): readonly unknown[] {
  return [key, layer ?? null, createdAtMs];
}

/** A layer that steps are from. */
export interface StageLayer {
  readonly diffId: Digest;
  readonly chainId: Digest;
  readonly blob: Descriptor;
}

/** A stage that an image has a cache of. */
export interface StageCache {
  readonly layers: readonly StageLayer[];
  readonly steps: readonly CachedStep[];
}

/** None for an image without. Throws INVALID_ARGUMENT for what isn't as it is written above. */
export function inlineCaches({ document, manifest }: Pick<ImageRecord, 'document' | 'manifest'>): StageCache[] {
  if (document.buildCache === undefined) return [];
  const value = parseJson(Buffer.from(document.buildCache), WHERE);
  const all = [...document.diffIds.keys()];
  const stages = Array.isArray(value)
    ? [{ layers: all, steps: asArray(value, WHERE).map(decodeStep) }]
    : asArray(asObject(value, WHERE).stages, WHERE).map(decodeStage);
  return stages.map(({ layers, steps }) => {
    const diffIds = layers.map((index) => document.diffIds[index] ?? missing(index));
    const chain = chainIds(diffIds);
    const known = layers.map((index, position): StageLayer => {
      const [diffId, chainId, blob] = [diffIds[position], chain[position], manifest.layers[index]];
      return diffId === undefined || chainId === undefined || blob === undefined
        ? missing(index)
        : { diffId, chainId, blob };
    });
    return { layers: known, steps };
  });
}

/** For the cache of this host, where the layers are unpacked; `sizeOf` is that of a layer's files. */
export function cacheEntries(
  { layers, steps }: StageCache,
  sizeOf: (chainId: Digest) => number,
): (readonly [string, CacheEntry])[] {
  return steps.map(({ key, layer: index, createdAtMs }) => {
    if (index === undefined) return [key, { layer: undefined, createdAtMs }];
    const { diffId, chainId, blob } = layers[index] ?? missing(index);
    const { digest, size, mediaType } = blob;
    return [key, { layer: { diffId, chainId, digest, size, mediaType, sizeBytes: sizeOf(chainId) }, createdAtMs }];
  });
}

function decodeStage(value: unknown): CachedStage {
  const { layers, steps } = asObject(value, WHERE);
  return {
    layers: asArray(layers, WHERE).map((index) => asCount(index, WHERE)),
    steps: asArray(steps, WHERE).map(decodeStep),
  };
}

function decodeStep(value: unknown): CachedStep {
  const [name, index, time] = asArray(value, WHERE);
  const key = asString(name, WHERE);
  if (!KEY.test(key)) throw new GantryError('INVALID_ARGUMENT', `${WHERE}: ${JSON.stringify(key)} is no key`);
  return { key, layer: index === null ? undefined : asCount(index, WHERE), createdAtMs: asCount(time, WHERE) };
}

function missing(index: number): never {
  throw new GantryError('INVALID_ARGUMENT', `${WHERE}: there is no layer ${index}`);
}
