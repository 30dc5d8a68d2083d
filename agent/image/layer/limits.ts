/** Bounds of what one archive may become, so that a small one can't fill the disk or never end. Pure. */

export interface UnpackLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

/** Of one layer of an image. */
export const LAYER_LIMITS: UnpackLimits = { maxBytes: 128 * 2 ** 30, maxEntries: 5_000_000 };

/** Headers and padding of an entry, with attributes that are common. */
const ENTRY_BYTES = 2048;

/** Of the tar itself: headers without end, or what comes behind its end, are no entries that could be counted. */
export function mostTarBytes({ maxBytes, maxEntries }: UnpackLimits): number {
  return maxBytes + maxEntries * ENTRY_BYTES;
}
