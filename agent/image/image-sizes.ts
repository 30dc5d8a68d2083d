/** How much of an image is its own, and how much others have as well. Pure. */
import type { Digest } from '../../proto/ids.ts';
import type { IndexState } from './image-index.ts';

export interface ImageSizes {
  /** Of layers that other images have, too. */
  readonly sharedBytes: number;
  readonly uniqueBytes: number;
}

export interface ImagesSizes {
  readonly byId: ReadonlyMap<Digest, ImageSizes>;
  /** Of all layers of all images, each counted once. */
  readonly totalBytes: number;
}

/** `sizeOf`: of a layer by its chain id. */
export function imagesSizes(state: IndexState, sizeOf: (layer: Digest) => number): ImagesSizes {
  const layersById = new Map<Digest, Set<Digest>>();
  for (const { id, chainIds } of state.images.values()) {
    layersById.set(id, (layersById.get(id) ?? new Set()).union(new Set(chainIds)));
  }
  const owners = new Map<Digest, number>();
  for (const layers of layersById.values()) for (const layer of layers) owners.set(layer, (owners.get(layer) ?? 0) + 1);
  const sum = (layers: Iterable<Digest>) => [...layers].reduce((bytes, layer) => bytes + sizeOf(layer), 0);
  const byId = new Map(
    [...layersById].map(([id, layers]) => {
      const sharedBytes = sum([...layers].filter((layer) => (owners.get(layer) ?? 0) > 1));
      return [id, { sharedBytes, uniqueBytes: sum(layers) - sharedBytes }] as const;
    }),
  );
  return { byId, totalBytes: sum(owners.keys()) };
}
