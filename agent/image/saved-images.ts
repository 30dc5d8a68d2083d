/** Which images an archive is to hold, and under which names: `save`'s arguments as Docker reads them. Pure. */
import { parseReference } from '../../proto/image-reference.ts';
import type { ImageRecord, IndexState } from './image-index.ts';
import { findImage } from './image-lookup.ts';
import { compareText } from './text-order.ts';

export interface SavedImage {
  readonly record: ImageRecord;
  /** Canonical, with tags; none of an image that was asked for by its id or digest alone. */
  readonly names: readonly string[];
}

/**
 * In the order they are asked for; an image asked for twice is there once, with both names. A name without a tag stands for
 * all tags of its repository. Throws IMAGE_NOT_FOUND, AMBIGUOUS, INVALID_ARGUMENT.
 */
export function chooseSavedImages(state: IndexState, references: readonly string[]): SavedImage[] {
  const chosen = new Map<ImageRecord, Set<string>>();
  const choose = (record: ImageRecord, names: readonly string[]): void => {
    const known = chosen.get(record) ?? new Set<string>();
    for (const name of names) known.add(name);
    chosen.set(record, known);
  };
  for (const reference of references) {
    const tagged = taggedImages(state, reference);
    for (const { record, name } of tagged) choose(record, [name]);
    if (tagged.length > 0) continue;
    const { record, name } = findImage(state, reference);
    choose(record, name === undefined || reference.includes('@') ? [] : [name]);
  }
  return [...chosen].map(([record, names]) => ({ record, names: [...names] }));
}

/** All that a repository's name stands for; nothing when the reference is no such name. */
function taggedImages(state: IndexState, text: string): { record: ImageRecord; name: string }[] {
  // An id, which can't be a name.
  if (/^[0-9a-f]{64}$/.test(text)) return [];
  const { domain, path, tag, digest } = parseReference(text);
  if (tag !== undefined || digest !== undefined) return [];
  return [...state.names]
    .filter(([name]) => name.startsWith(`${domain}/${path}:`))
    .flatMap(([name, { manifest }]) => {
      const record = state.images.get(manifest);
      return record === undefined ? [] : [{ record, name }];
    })
    .sort((a, b) => compareText(a.name, b.name));
}
