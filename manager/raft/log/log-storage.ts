/** What the core reads of the log that its driver has persisted. Synchronous: the core waits for nothing. */
import type { Entry, HardState, PeerId, Snapshot } from '../message.ts';

export interface LogStorage {
  initialState(): { readonly hardState: HardState; readonly voters: readonly PeerId[] };
  /** Index of the first entry that is still there: that of the last compaction plus one. */
  firstIndex(): number;
  lastIndex(): number;
  /** Term of an entry from firstIndex - 1 (the one compacted last) to lastIndex; undefined outside. */
  term(index: number): number | undefined;
  /** Entries from `low` to below `high`, within what is there; as many as fit in `maxBytes`, but at least one. */
  entries(low: number, high: number, maxBytes: number): readonly Entry[];
  /** The latest snapshot; undefined while there is none. */
  snapshot(): Snapshot | undefined;
}

/** As many of the entries as fit in `maxBytes` of data, but at least one. */
export function limitBytes(entries: readonly Entry[], maxBytes: number): readonly Entry[] {
  let bytes = 0;
  for (const [position, { data }] of entries.entries()) {
    bytes += data.byteLength;
    if (bytes > maxBytes && position > 0) return entries.slice(0, position);
  }
  return entries;
}
