/** The build cache between hosts: taken from images before a build, and put where others find it after one. */
import { toGantryError } from '../../proto/errors.ts';
import { type CacheExport, CacheSteps, type ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest } from '../../proto/ids.ts';
import { parseReference, withDefaultTag } from '../../proto/image-reference.ts';
import type { ImageRecord } from '../image/image-index.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { Lease } from '../image/lease.ts';
import type { Platform } from '../platform/platform.ts';
import type { ImageTarget } from '../registry/image-source.ts';
import type { BaseImages } from './base-images.ts';
import type { BuildCache } from './build-cache.ts';
import { isCacheImage, makeCacheImage } from './cache-image.ts';
import { cacheEntries, inlineCaches } from './inline-cache.ts';
import { LAYOUT_SCHEME, type LayoutImages } from './layout-images.ts';
import type { StageState } from './stage-state.ts';

export interface CacheTransferParts {
  readonly images: ImageStore;
  readonly cache: BuildCache;
  readonly target: ImageTarget;
  readonly options: Pick<ImageBuildOptions, 'cacheImages' | 'cacheExport' | 'credentials'>;
  readonly lease: Lease;
  readonly signal: AbortSignal;
  /** A line for the user. */
  readonly tell: (line: string) => void;
}

/** Of images that have some; one that can't be had is no reason not to build. */
export async function takeCaches(
  parts: CacheTransferParts,
  bases: BaseImages,
  layouts: LayoutImages,
  platforms: readonly Platform[],
): Promise<void> {
  const { options, tell, signal } = parts;
  for (const name of options.cacheImages) {
    const layout = name.startsWith(LAYOUT_SCHEME) ? name.slice(LAYOUT_SCHEME.length) : undefined;
    const reference = layout === undefined ? name : (layouts.references.get(layout) ?? name);
    try {
      const wasHere = bases.isHere(reference);
      const records = await cacheImages(bases, reference, platforms, tell);
      let hasCache = false;
      for (const record of records) hasCache = (await takeCache(parts, record, reference)) || hasCache;
      if (!hasCache) tell(`warning: ${reference} has no build cache`);
      if (!wasHere) await forgetCacheImage(parts, reference);
    } catch (error) {
      if (signal.aborted) throw error;
      tell(`warning: no build cache from ${reference}: ${toGantryError(error).message}`);
    }
  }
}

/** Of an index those for the platforms; what is for none of them may be for caches alone. */
async function cacheImages(
  bases: BaseImages,
  reference: string,
  platforms: readonly Platform[],
  tell: CacheTransferParts['tell'],
): Promise<ReadonlySet<ImageRecord>> {
  const found = new Set<ImageRecord>();
  for (const platform of platforms) {
    const record = await bases.ensure(reference, platform, tell).catch(() => undefined);
    if (record !== undefined) found.add(record);
  }
  return found.size > 0 ? found : new Set([await bases.ensure(reference, undefined, tell)]);
}

/** False when it has none. */
async function takeCache(
  { images, cache, lease }: CacheTransferParts,
  record: ImageRecord,
  reference: string,
): Promise<boolean> {
  const stages = inlineCaches(record);
  const sizeOf = (chainId: Digest) => images.layers.get(chainId)?.sizeBytes ?? 0;
  for (const stage of stages) {
    // Those of an image that is for caches alone lie on others than in their stages.
    const sources = stage.layers.map(({ blob: { digest }, diffId }) => {
      lease.keepBlob(digest);
      return { archive: images.content.path(digest), digest, diffId };
    });
    await images.layers.ensure(sources, reference, lease);
    await cache.add(cacheEntries(stage, sizeOf));
  }
  return stages.some(({ steps }) => steps.length > 0);
}

/** The cache has its layers now, and nobody wants it among the images. One that can also be run is left. */
async function forgetCacheImage({ images }: CacheTransferParts, reference: string): Promise<void> {
  if (!isCacheImage(images.find(reference).document)) return;
  await images.remove(reference, { force: false, isUsed: () => undefined });
}

/**
 * Of the targets' stages, and with mode=max of the others. Resolves with the image that has it, which the lease keeps. Throws what a push throws:
 * who asks for a cache elsewhere relies on it.
 */
export async function exportCache(
  parts: CacheTransferParts,
  wanted: CacheExport,
  targets: readonly [StageState, ...StageState[]],
  others: readonly StageState[],
): Promise<ImageRecord> {
  const { lease, options, target, tell, signal } = parts;
  const [first, ...more] = targets;
  const stages = wanted.steps === CacheSteps.ALL ? [...more, ...others] : more;
  const record = await makeCacheImage(lease.content, [first, ...stages]);
  for (const text of wanted.references) {
    const reference = withDefaultTag(parseReference(text));
    await target.put(record, reference, options.credentials[reference.domain], signal);
    tell(`build cache written to ${text}`);
  }
  return record;
}
