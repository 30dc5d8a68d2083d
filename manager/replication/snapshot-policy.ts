/** When to take a snapshot and forget the entries before it. */

export interface SnapshotLimits {
  readonly maxEntries: number;
  /** Of entries; or as much as the last snapshot had, if that is more, so that a large state isn't written all the time. */
  readonly maxBytes: number;
}

export const DEFAULT_SNAPSHOT_LIMITS: SnapshotLimits = { maxEntries: 5000, maxBytes: 1024 * 1024 };

export class SnapshotPolicy {
  readonly #limits: SnapshotLimits;
  #entries = 0;
  #bytes = 0;
  #snapshotBytes: number;

  /** `snapshotBytes`: size of the snapshot there is. */
  constructor(limits: SnapshotLimits, snapshotBytes: number) {
    this.#limits = limits;
    this.#snapshotBytes = snapshotBytes;
  }

  get due(): boolean {
    const { maxEntries, maxBytes } = this.#limits;
    return this.#entries >= maxEntries || this.#bytes >= Math.max(maxBytes, this.#snapshotBytes);
  }

  /** Since the last snapshot was begun. */
  get entries(): number {
    return this.#entries;
  }

  get bytes(): number {
    return this.#bytes;
  }

  applied(bytes: number): void {
    this.#entries += 1;
    this.#bytes += bytes;
  }

  /** A snapshot is being taken: what comes from here on counts for the next. */
  begun(): void {
    this.#entries = 0;
    this.#bytes = 0;
  }

  /** It has turned out to be this large. */
  taken(bytes: number): void {
    this.#snapshotBytes = bytes;
  }
}
