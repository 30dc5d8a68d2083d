/** What an image is made known by, and how the blobs of one that is on its way come to be there. */
import type { Digest } from '../../proto/ids.ts';
import type { Lease } from './lease.ts';
import type { Descriptor } from './manifest.ts';

/** Layers that an image is registered with while they come. */
export interface ArrivingLayers {
  /** Resolves when the blob is in the content store. */
  arrive(layer: Descriptor, index: number): Promise<void>;
  unpacked(index: number): void;
  /** The image can't be had: no more need come. Called once, with the reason. */
  failed(error: unknown): void;
  /** When nobody wants the image any more. */
  readonly signal?: AbortSignal;
}

export interface Registration {
  readonly manifest: Digest;
  /** The manifest, or the index that it was chosen from. */
  readonly target: Digest;
  /** In canonical form. */
  readonly names: readonly string[];
  /** As the user calls it, for messages. */
  readonly image: string;
  readonly layers: ArrivingLayers;
  /** Keeps what comes until it has a name. */
  readonly lease: Lease;
}

export const NOTHING_ARRIVES: ArrivingLayers = {
  arrive: () => Promise.resolve(),
  unpacked: () => undefined,
  failed: () => undefined,
};
