/** Where images come from that this host doesn't have, and go to, for those who need that. */
import type { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest } from '../../proto/ids.ts';
import type { Reference } from '../../proto/image-reference.ts';
import type { ImageRecord } from '../image/image-index.ts';
import type { Platform } from '../platform/platform.ts';

/** Who is asked first what a tag stands for. */
export type ImageOrder = 'registry first' | 'cluster first';

export interface ImageSource {
  /**
   * Brings an image to this host; `tell` gets lines for the user. For a platform that is said, a tag that stands for something
   * else here is left to it. Resolves with the image's manifest.
   */
  bring(
    reference: string,
    credentials: RegistryCredentials | undefined,
    tell: (line: string) => void,
    signal: AbortSignal,
    order: ImageOrder,
    platform?: Platform,
  ): Promise<Digest>;
}

export interface ImageTarget {
  /** Pushes an image that needn't be among those of this host; its blobs are, and stay meanwhile. `reference` has a tag. */
  put(
    record: ImageRecord,
    reference: Reference,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
  ): Promise<void>;
}
