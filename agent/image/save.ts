/** `save`: images of this host as an archive. */
import type { Platform } from '../platform/platform.ts';
import { archiveFiles } from './archive-layout.ts';
import { writeArchive } from './archive-writer.ts';
import type { IndexState } from './image-index.ts';
import { findImageFor, shortName } from './image-lookup.ts';
import type { ImageParts } from './image-parts.ts';
import { findIndex, type PlatformIndex } from './platform-index.ts';
import { chooseSavedImages, type SavedImage } from './saved-images.ts';

interface SaveParts extends Pick<ImageParts, 'content' | 'garbage'> {
  readonly state: IndexState;
}

/**
 * A name that stands for images of several platforms is saved with all of them that are here; for one platform, with that alone.
 * Throws IMAGE_NOT_FOUND where it isn't here for that.
 */
export async function* saveImages(
  { content, garbage, state }: SaveParts,
  references: readonly string[],
  platform: Platform | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const images = chooseSavedImages(state, references).map((image) => onPlatform(state, image, platform));
  using lease = garbage.lease();
  for (const { record } of images) lease.keepImage(record);
  const indexes = new Map<string, PlatformIndex>();
  for (const name of platform === undefined ? images.flatMap(({ names }) => names) : []) {
    const index = await findIndex(content, state, name, lease);
    if (index !== undefined) indexes.set(name, index);
  }
  const sizeOf = (digest: Parameters<typeof content.size>[0]) => content.size(digest);
  yield* writeArchive(
    archiveFiles(images, sizeOf, (name) => indexes.get(name)),
    lease.content,
  );
}

function onPlatform(state: IndexState, image: SavedImage, platform: Platform | undefined): SavedImage {
  if (platform === undefined) return image;
  const [name] = image.names;
  return {
    ...image,
    record: findImageFor(state, name === undefined ? image.record.id : shortName(name), platform).record,
  };
}
