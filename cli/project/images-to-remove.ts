/** By which names this host has the images of services: their tags, and what was built under these before and is pinned yet. */
import type { EngineClient, Image } from '../../proto/generated/gantry/v1/engine.ts';
import {
  familiarName,
  familiarRepository,
  parseReference,
  withDefaultTag,
  withoutLookedUpDigest,
} from '../../proto/image-reference.ts';
import { ask } from '../connection.ts';

/** One that isn't here is named as it is. */
export async function namesToRemove(engine: EngineClient, references: readonly string[]): Promise<string[]> {
  const { images } = await ask(engine, engine.imageList, { filters: [] });
  return [...new Set(references.flatMap((reference) => namesHere(reference, images)))];
}

/** Pure. */
export function namesHere(reference: string, images: readonly Pick<Image, 'tags' | 'digests'>[]): string[] {
  if (reference.startsWith('sha256:')) return [reference];
  const wanted = withDefaultTag(parseReference(withoutLookedUpDigest(reference)));
  const tag = familiarName(wanted);
  const ofRepository = `${familiarRepository(wanted)}@`;
  const untagged = images.filter(({ tags }) => tags.length === 0).flatMap(({ digests }) => digests);
  const earlier = untagged.filter((digest) => digest.startsWith(ofRepository));
  const names = [...(images.some(({ tags }) => tags.includes(tag)) ? [tag] : []), ...earlier];
  return names.length === 0 ? [reference] : names;
}
