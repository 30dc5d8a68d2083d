/** Images of one name for several platforms: the index that they are in. */
import type { Digest } from '../../proto/ids.ts';
import { normalVariant, type Platform } from '../platform/platform.ts';
import type { ContentStore } from './content-store.ts';
import type { ImageRecord, IndexState } from './image-index.ts';
import type { Lease } from './lease.ts';
import { type Annotations, type Descriptor, encodeIndex, MAX_DOCUMENT_BYTES, parseManifest } from './manifest.ts';

export interface PlatformIndex {
  readonly digest: Digest;
  /** Those that are here, in its order. */
  readonly records: readonly ImageRecord[];
  /** It lists nothing else. */
  readonly isWhole: boolean;
}

/** The index that a canonical name stands for, where it is more than one image of it: the lease keeps it. */
export async function findIndex(
  content: Pick<ContentStore, 'has' | 'read'>,
  state: IndexState,
  name: string,
  lease: Lease,
): Promise<PlatformIndex | undefined> {
  const named = state.names.get(name);
  if (named === undefined || named.target === named.manifest) return undefined;
  lease.keepBlob(named.target);
  if (!content.has(named.target)) return undefined;
  const index = parseManifest(await content.read(named.target, MAX_DOCUMENT_BYTES), `the index of ${name}`);
  if (index.kind !== 'index') return undefined;
  const records = index.manifests.flatMap(({ digest }) => state.images.get(digest) ?? []);
  const isWhole = records.length === index.manifests.length;
  if (!isWhole && records.length < 2) return undefined;
  for (const record of records) lease.keepImage(record);
  return { digest: named.target, records, isWhole };
}

/** The bytes of an index of these, in their order; `sizeOf` is of a manifest. */
export function indexOf(
  records: readonly ImageRecord[],
  sizeOf: (manifest: Digest) => number,
  annotations: Annotations,
): Buffer {
  const manifests = records.map(({ manifestDigest, manifest, document }): Descriptor => {
    const size = sizeOf(manifestDigest);
    return { mediaType: manifest.mediaType, digest: manifestDigest, size, platform: platformOf(document) };
  });
  return encodeIndex(manifests, annotations);
}

/** In the order that others have these fields in. */
function platformOf(document: ImageRecord['document']): Platform {
  const { os, architecture } = document;
  const variant = normalVariant(document);
  return { architecture, os, ...(variant === '' ? {} : { variant }) };
}
