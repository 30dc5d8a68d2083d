/** {@link ImageUsage} of this host. */
import type { ImageDiskUsage } from '../../proto/generated/gantry/v1/engine.ts';
import { describeImage } from './image-lookup.ts';
import { imagesSizes } from './image-sizes.ts';
import type { ImageStore } from './image-store.ts';
import type { ImageUsage } from './images.ts';
import { visibleImages } from './index-images.ts';
import type { SnapshotStore } from './snapshot-store.ts';

export class DiskUsage implements ImageUsage {
  readonly #images: Pick<ImageStore, 'state' | 'layers' | 'workers'>;
  readonly #snapshots: Pick<SnapshotStore, 'upper'>;

  constructor(images: Pick<ImageStore, 'state' | 'layers' | 'workers'>, snapshots: Pick<SnapshotStore, 'upper'>) {
    this.#images = images;
    this.#snapshots = snapshots;
  }

  images(): { records: ImageDiskUsage[]; totalBytes: number } {
    const { state, layers } = this.#images;
    const { byId, totalBytes } = imagesSizes(state, (layer) => layers.get(layer)?.sizeBytes ?? 0);
    const images = new Map(visibleImages(state).map((record) => [record.id, record]));
    const records = [...images.values()].map((record) => {
      const { sharedBytes, uniqueBytes } = byId.get(record.id) ?? { sharedBytes: 0, uniqueBytes: 0 };
      const image = describeImage(state, record, sharedBytes + uniqueBytes);
      return { image, sharedBytes, uniqueBytes, containers: 0 };
    });
    return { records, totalBytes };
  }

  async writable(keys: readonly string[]): Promise<readonly number[]> {
    return await this.measure(keys.map((key) => this.#snapshots.upper(key)));
  }

  async measure(directories: readonly string[]): Promise<readonly number[]> {
    if (directories.length === 0) return [];
    return (await this.#images.workers.run({ kind: 'measure', directories })).sizes;
  }
}
