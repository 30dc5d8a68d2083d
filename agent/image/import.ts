/** An image of one layer, made of a root file system's tar. */
import { GantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import { parsePlatform } from '../../proto/platform.ts';
import { applyChanges } from '../build/config-changes.ts';
import { emptyImageDocument, type ImageDocument } from './image-config.ts';
import { parseTag } from './image-lookup.ts';
import type { ImageParts } from './image-parts.ts';
import type { ImportOptions } from './images.ts';
import { OCI_LAYER, type Platform } from './manifest.ts';

type ImportStore = Pick<ImageParts, 'content' | 'layers' | 'garbage' | 'platform' | 'create'>;

/** What fails leaves nothing. */
export async function importImage(
  store: ImportStore,
  archive: AsyncIterable<Uint8Array>,
  options: ImportOptions,
  nowMs: number,
): Promise<Digest> {
  const names = options.reference === '' ? [] : [options.reference];
  for (const name of names) parseTag(name);
  const base = emptyImageDocument(importPlatform(options.platform) ?? store.platform);
  const config = applyChanges(base.config, options.changes);
  const created = new Date(nowMs).toISOString();
  try {
    return await store.garbage.hold(async () => {
      const blob = await store.content.ingest(archive);
      const layer = await store.layers.unpackBase(store.content.path(blob.digest), 'the imported root file system');
      const history = [{ created, comment: options.message === '' ? 'Imported from -' : options.message }];
      const document: ImageDocument = { ...base, config, created, diffIds: [layer.diffId], history };
      return (await store.create(document, [{ mediaType: OCI_LAYER, ...blob }], names)).id;
    });
  } finally {
    // What came, when it was no root file system.
    store.garbage.schedule();
  }
}

/** Undefined where none is said. */
function importPlatform(text: string): Platform | undefined {
  if (text === '') return undefined;
  const platform = parsePlatform(text);
  if (platform !== undefined && platform.architecture !== '') return platform;
  throw new GantryError('INVALID_ARGUMENT', `invalid platform ${JSON.stringify(text)}`, {
    hint: 'write OS/ARCHITECTURE: linux/amd64',
  });
}
