/** The records that stay when a snapshot replaces the log: for members that were away only for a moment. Pure. */

export interface TailLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

export const DEFAULT_TAIL_LIMITS: TailLimits = { maxRecords: 1000, maxBytes: 4 * 1024 * 1024 };

export class Tail {
  readonly #limits: TailLimits;
  #records: { readonly index: number; readonly bytes: number }[] = [];
  #bytes = 0;

  constructor(limits: TailLimits) {
    this.#limits = limits;
  }

  /** In the order of the log. */
  add(index: number, bytes: number): void {
    const { maxRecords, maxBytes } = this.#limits;
    this.#records.push({ index, bytes });
    this.#bytes += bytes;
    let dropped = 0;
    while (this.#records.length - dropped > maxRecords || this.#bytes > maxBytes) {
      this.#bytes -= this.#records[dropped]?.bytes ?? 0;
      dropped += 1;
    }
    if (dropped > 0) this.#records.splice(0, dropped);
  }

  /** First index that stays when the log is cut at `snapshotIndex`: never one after the next. */
  firstKept(snapshotIndex: number): number {
    return Math.min(this.#records[0]?.index ?? snapshotIndex + 1, snapshotIndex + 1);
  }
}
