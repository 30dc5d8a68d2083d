/**
 * The files of an image archive that is both an OCI layout (image spec, "image-layout") and a docker-archive, as Docker has
 * written it since version 25: index.json and manifest.json describe the same blobs. Pure; the same images give the same files.
 */
import type { Digest } from '../../proto/ids.ts';
import { familiarName, familiarRepository, parseReference } from '../../proto/image-reference.ts';
import { type Descriptor, IMAGE_NAME, OCI_INDEX, REF_NAME } from './manifest.ts';
import type { PlatformIndex } from './platform-index.ts';
import type { SavedImage } from './saved-images.ts';
import { compareText } from './text-order.ts';

export type ArchiveFile =
  | { readonly kind: 'document'; readonly path: string; readonly data: Buffer }
  | { readonly kind: 'blob'; readonly path: string; readonly digest: Digest };

/** In the archive's order. `indexOf` is what a name stands for besides the image of this host's platform. */
export function archiveFiles(
  images: readonly SavedImage[],
  sizeOf: (digest: Digest) => number,
  indexOf: (name: string) => PlatformIndex | undefined = () => undefined,
): ArchiveFile[] {
  const indexes = images.flatMap(({ names }) => names.flatMap((name) => indexOf(name) ?? []));
  const records = [...images.map(({ record }) => record), ...indexes.flatMap((index) => index.records)];
  const digests = new Set([...records.flatMap(blobsOf), ...indexes.map(({ digest }) => digest)]);
  const blobs = [...digests].sort(compareText).map((digest) => ({
    kind: 'blob' as const,
    path: blobPath(digest),
    digest,
  }));
  return [
    ...blobs,
    document('index.json', {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: images.flatMap((image) => descriptorsOf(image, sizeOf, indexOf)),
    }),
    document('manifest.json', images.map(dockerEntry)),
    document('oci-layout', { imageLayoutVersion: '1.0.0' }),
    document('repositories', repositories(images)),
  ];
}

function document(path: string, value: unknown): ArchiveFile {
  return { kind: 'document', path, data: Buffer.from(JSON.stringify(value)) };
}

function blobsOf({ manifestDigest, manifest }: SavedImage['record']): Digest[] {
  return [manifestDigest, manifest.config.digest, ...manifest.layers.map(({ digest }) => digest)];
}

function blobPath(digest: Digest): string {
  return `blobs/sha256/${digest.slice('sha256:'.length)}`;
}

/** One for each name, since a descriptor holds one. */
function descriptorsOf(
  { record, names }: SavedImage,
  sizeOf: (digest: Digest) => number,
  indexOf: (name: string) => PlatformIndex | undefined,
): Descriptor[] {
  const { os, architecture } = record.document;
  const descriptor: Descriptor = {
    mediaType: record.manifest.mediaType,
    digest: record.manifestDigest,
    size: sizeOf(record.manifestDigest),
    platform: { os, architecture },
  };
  if (names.length === 0) return [descriptor];
  return names.map((name) => {
    const digest = indexOf(name)?.digest;
    const own = digest === undefined ? descriptor : { mediaType: OCI_INDEX, digest, size: sizeOf(digest) };
    return { ...own, annotations: { [IMAGE_NAME]: name, [REF_NAME]: tagOf(name) } };
  });
}

function dockerEntry({ record, names }: SavedImage): Record<string, unknown> {
  return {
    Config: blobPath(record.manifest.config.digest),
    RepoTags: names.length === 0 ? null : names.map((name) => familiarName(parseReference(name))),
    Layers: record.manifest.layers.map(({ digest }) => blobPath(digest)),
  };
}

/** What readers older than manifest.json go by: the topmost layer of each name. */
function repositories(images: readonly SavedImage[]): Record<string, Record<string, string>> {
  const found: Record<string, Record<string, string>> = {};
  for (const { record, names } of images) {
    const top = record.document.diffIds.at(-1);
    if (top === undefined) continue;
    for (const name of names) {
      const repository = familiarRepository(parseReference(name));
      found[repository] = { ...found[repository], [tagOf(name)]: top.slice('sha256:'.length) };
    }
  }
  return found;
}

function tagOf(name: string): string {
  return parseReference(name).tag ?? '';
}
