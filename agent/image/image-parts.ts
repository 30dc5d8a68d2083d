/** What images are made of and kept in, for those who make one. */
import type { Platform } from '../platform/platform.ts';
import type { ContentStore } from './content-store.ts';
import type { GarbageCollector } from './garbage.ts';
import type { ImageDocument } from './image-config.ts';
import type { ImageRecord } from './image-index.ts';
import type { LayerStore } from './layer-store.ts';
import type { LayerWorkers } from './layer-workers.ts';
import type { Lease } from './lease.ts';
import type { Descriptor } from './manifest.ts';

export interface ImageParts {
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly workers: LayerWorkers;
  readonly garbage: GarbageCollector;
  /** The host's. */
  readonly platform: Platform;
  /** Throws IMAGE_NOT_FOUND, AMBIGUOUS, INVALID_ARGUMENT. */
  find(reference: string): ImageRecord;
  /** Names as users write them. */
  create(
    document: ImageDocument,
    layers: readonly Descriptor[],
    names: readonly string[],
    lease: Lease,
  ): Promise<ImageRecord>;
}
