/** An image of one layer, made of a root file system's tar. */
import type { Digest } from '../../proto/ids.ts';
import { applyChanges } from '../build/config-changes.ts';
import { requirePlatformOn } from '../platform/platform.ts';
import { emptyImageDocument, type ImageDocument } from './image-config.ts';
import { parseTag } from './image-lookup.ts';
import type { ImageParts } from './image-parts.ts';
import type { ImportOptions } from './images.ts';
import { OCI_LAYER } from './manifest.ts';

type ImportStore = Pick<ImageParts, 'layers' | 'garbage' | 'platform' | 'create'>;

/** What fails, or is given up, leaves nothing. */
export async function importImage(
  store: ImportStore,
  archive: AsyncIterable<Uint8Array>,
  options: ImportOptions,
  nowMs: number,
  signal?: AbortSignal,
): Promise<Digest> {
  const names = options.reference === '' ? [] : [options.reference];
  for (const name of names) parseTag(name);
  const base = emptyImageDocument(
    options.platform === '' ? store.platform : requirePlatformOn(options.platform, store.platform),
  );
  const config = applyChanges(base.config, options.changes);
  const created = new Date(nowMs).toISOString();
  using lease = store.garbage.lease();
  const blob = await lease.content.ingest(archive);
  const path = lease.content.path(blob.digest);
  const layer = await store.layers.unpackBase(path, 'the imported root file system', lease, signal);
  const history = [{ created, comment: options.message === '' ? 'Imported from -' : options.message }];
  const document: ImageDocument = { ...base, config, created, diffIds: [layer.diffId], history };
  return (await store.create(document, [{ mediaType: OCI_LAYER, ...blob }], names, lease)).id;
}
