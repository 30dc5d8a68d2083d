/**
 * --cache-to type=inline: an image that says which steps its layers are from, so that a build on another host takes
 * them from it (--cache-from). Pure.
 */
import { GantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import type { ImageRecord } from '../image/image-index.ts';
import { asArray, asCount, asString, parseJson } from '../image/json-fields.ts';
import type { CacheEntry } from './build-cache.ts';

export interface CachedStep {
  /** See cacheKey. */
  readonly key: string;
  /** Index among the image's layers; undefined: it made none. */
  readonly layer: number | undefined;
  readonly createdAtMs: number;
}

const KEY = /^[0-9a-f]{64}$/;

/** For the image's config. */
export function encodeInlineCache(steps: readonly CachedStep[]): string {
  return JSON.stringify(steps.map(({ key, layer, createdAtMs }) => [key, layer ?? null, createdAtMs]));
}

/**
 * Cache entries by key of an image that is here; none for one without. `sizeOf` is that of an unpacked layer's files.
 * Throws INVALID_ARGUMENT for what isn't as encodeInlineCache writes it.
 */
export function inlineCacheEntries(
  { document, manifest, chainIds }: Pick<ImageRecord, 'document' | 'manifest' | 'chainIds'>,
  sizeOf: (layer: Digest) => number,
): [string, CacheEntry][] {
  if (document.buildCache === undefined) return [];
  const where = 'the build cache of the image';
  return asArray(parseJson(Buffer.from(document.buildCache), where), where).map((value): [string, CacheEntry] => {
    const [key, index, time] = asArray(value, where);
    const createdAtMs = asCount(time, where);
    const name = asString(key, where);
    if (!KEY.test(name)) throw new GantryError('INVALID_ARGUMENT', `${where}: ${JSON.stringify(name)} is no key`);
    if (index === null) return [name, { layer: undefined, createdAtMs }];
    const position = asCount(index, where);
    const blob = manifest.layers[position];
    const diffId = document.diffIds[position];
    const chainId = chainIds[position];
    if (blob === undefined || diffId === undefined || chainId === undefined) {
      throw new GantryError('INVALID_ARGUMENT', `${where}: there is no layer ${position}`);
    }
    const { digest, size, mediaType } = blob;
    return [name, { layer: { diffId, chainId, digest, size, mediaType, sizeBytes: sizeOf(chainId) }, createdAtMs }];
  });
}
