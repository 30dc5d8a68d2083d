/** `load`: the images of an archive become those of this host. */
import type { Digest } from '../../proto/ids.ts';
import { spoolArchive } from './archive.ts';
import { type ArchivedImage, findImages } from './archive-images.ts';
import type { Blob } from './content-store.ts';
import { parseTag, shortName } from './image-lookup.ts';
import type { ImageParts } from './image-parts.ts';
import type { ImageRegistrar } from './image-registrar.ts';
import type { Lease } from './lease.ts';
import { NOTHING_ARRIVES } from './registration.ts';

interface LoadParts extends Pick<ImageParts, 'content' | 'garbage' | 'layers' | 'platform'> {
  readonly registrar: Pick<ImageRegistrar, 'register' | 'registerOthers'>;
}

/** Layers are unpacked while the archive comes. Their names, or ids where they have none. */
export async function loadImages(
  images: LoadParts,
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const { garbage, layers, content, platform } = images;
  using lease = garbage.lease();
  const begun: Digest[] = [];
  const arrived = (blob: Blob) => {
    if (layers.early.begin(blob, content.path(blob.digest))) begun.push(blob.digest);
  };
  try {
    const spooled = await spoolArchive(archive, lease.content, arrived);
    const loaded: string[] = [];
    for (const image of await findImages(spooled, lease.content, platform)) {
      loaded.push(...(await loadImage(images, image, lease, signal)));
    }
    return loaded;
  } finally {
    for (const digest of begun) await layers.early.drop(digest);
  }
}

async function loadImage(
  images: LoadParts,
  { manifest, target, names, others }: ArchivedImage,
  lease: Lease,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const layers = signal === undefined ? NOTHING_ARRIVES : { ...NOTHING_ARRIVES, signal };
  const image = names[0] ?? `image ${manifest}`;
  const record = await images.registrar.register({
    ...{ manifest, target, image, layers, lease },
    names: names.map(parseTag),
  });
  if (names.length === 0) return [record.id];
  await images.registrar.registerOthers(others, { target, image, layers, lease });
  return names.map((name) => shortName(parseTag(name)));
}
