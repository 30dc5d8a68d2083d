/** Which steps of earlier builds `builder prune` forgets, and what each of them takes. Pure. */
import { GantryError } from '../../proto/errors.ts';
import type { BuildCacheUsage } from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest } from '../../proto/ids.ts';
import { parseUntil } from '../image/image-filter.ts';
import type { StoredEntry } from './build-cache.ts';

export interface CachePruneOptions {
  /** Also steps whose layers images have, which frees nothing until those go. */
  readonly all: boolean;
  /** Docker's: until=SECONDS, since when it hasn't been used. Others throw INVALID_ARGUMENT. */
  readonly filters: readonly string[];
  /** As much may stay; what was used longest ago goes first. */
  readonly keepBytes: number;
}

/** `isShared`: whether an image has the layer, by its chain id. */
export function cacheUsage(
  entries: ReadonlyMap<string, StoredEntry>,
  isShared: (layer: Digest) => boolean,
): BuildCacheUsage[] {
  return [...entries].map(([id, { layer, createdAtMs, usedAtMs, uses }]) => ({
    ...{ id, createdAtMs, usedAtMs, uses },
    sizeBytes: layer?.sizeBytes ?? 0,
    shared: layer !== undefined && isShared(layer.chainId),
  }));
}

export function planCachePrune(usage: readonly BuildCacheUsage[], options: CachePruneOptions): BuildCacheUsage[] {
  const until = Math.min(Number.POSITIVE_INFINITY, ...options.filters.map(parseFilter));
  const candidates = usage.filter(({ shared, usedAtMs }) => (options.all || !shared) && usedAtMs < until);
  let bytes = usage.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const pruned: BuildCacheUsage[] = [];
  for (const entry of candidates.toSorted((a, b) => a.usedAtMs - b.usedAtMs)) {
    if (options.keepBytes > 0 && bytes <= options.keepBytes) break;
    bytes -= entry.sizeBytes;
    pruned.push(entry);
  }
  return pruned;
}

function parseFilter(filter: string): number {
  const value = /^until=(.*)$/s.exec(filter)?.[1];
  if (value !== undefined) return parseUntil(value);
  throw new GantryError('INVALID_ARGUMENT', `invalid filter ${JSON.stringify(filter)}`, {
    hint: 'the build cache is filtered by until=...',
  });
}
