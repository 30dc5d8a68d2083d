/** Which images this host has, as managers are told. Pure. */
import type { NodeImage } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { Digest } from '../../proto/ids.ts';
import { canonicalName, parseReference } from '../../proto/image-reference.ts';
import type { ImageRecord, IndexState } from './image-index.ts';
import { besides } from './index-images.ts';

export interface ImageReport {
  readonly images: readonly NodeImage[];
  /** There are more than are told. */
  readonly partial: boolean;
}

/** A report stays within some tens of kilobytes, however many images there are. */
const MOST_IMAGES = 100;
const MOST_NAMES = 10;

/** Images with names; of many, those that would take longest to bring elsewhere. */
export function reportImages(state: IndexState, sizeOf: (record: ImageRecord) => number): ImageReport {
  const names = namesByManifest(state);
  const named = [...state.images.values()].filter(({ manifestDigest }) => names.has(manifestDigest));
  const told = named.toSorted((a, b) => sizeOf(b) - sizeOf(a) || (a.id < b.id ? -1 : 1)).slice(0, MOST_IMAGES);
  const others = (id: Digest) => besides(state, id).map(({ document: { os, architecture } }) => ({ os, architecture }));
  const listed = told.map(({ id, manifestDigest, document: { os, architecture } }) => {
    const all = names.get(manifestDigest) ?? [];
    return {
      image: { id, names: all.slice(0, MOST_NAMES), platform: { os, architecture }, otherPlatforms: others(id) },
      isWhole: all.length <= MOST_NAMES,
    };
  });
  return {
    images: listed.map(({ image }) => image),
    partial: told.length < named.length || listed.some(({ isWhole }) => !isWhole),
  };
}

/** In full, each with its tag; and by the digest that a registry has it under. */
function namesByManifest({ names }: IndexState): Map<string, string[]> {
  const all = new Map<string, Set<string>>();
  for (const [name, { manifest, target }] of names) {
    const own = all.get(manifest) ?? new Set<string>();
    own.add(name).add(canonicalName({ ...parseReference(name), tag: undefined, digest: target }));
    all.set(manifest, own);
  }
  return new Map([...all].map(([manifest, own]) => [manifest, [...own].sort()]));
}
