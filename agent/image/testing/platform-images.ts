/** For tests: an image for several platforms, each with a file that names it. */
import type { Digest } from '../../../proto/ids.ts';
import type { ImageRecord } from '../image-index.ts';
import type { ImageStore } from '../image-store.ts';
import { indexOf } from '../platform-index.ts';
import { inPieces, makeTar } from './fixtures.ts';

export interface PlatformImages {
  /** Of the index. */
  readonly digest: Digest;
  /** In the order of the platforms. */
  readonly records: readonly [ImageRecord, ...ImageRecord[]];
}

export async function makePlatformImages(
  images: ImageStore,
  name: string,
  [first, ...others]: readonly [string, ...string[]],
): Promise<PlatformImages> {
  const importFor = async (platform: string): Promise<ImageRecord> => {
    const tar = makeTar([{ name: 'platform', data: platform }]);
    const id = await images.import(inPieces(tar), { reference: '', changes: [], message: '', platform });
    return images.find(id);
  };
  const records: [ImageRecord, ...ImageRecord[]] = [await importFor(first)];
  for (const platform of others) records.push(await importFor(platform));
  using lease = images.garbage.lease();
  const index = indexOf(records, (digest) => images.content.size(digest), {});
  const { digest } = await lease.content.put(index);
  await images.registrar.createIndex(records, digest, [name]);
  return { digest, records };
}
