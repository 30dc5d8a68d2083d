/** What the core reads of the log that its driver has persisted. Synchronous: the core waits for nothing. */
import type { Configuration, Entry, HardState, Snapshot } from '../message.ts';

export interface LogStorage {
  initialState(): { readonly hardState: HardState; readonly configuration: Configuration };
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
  for (const [position, entry] of entries.entries()) {
    bytes += entryBytes(entry);
    if (bytes > maxBytes && position > 0) return entries.slice(0, position);
  }
  return entries;
}

/** Bytes that a program put into the entry. */
export function entryBytes(entry: Entry): number {
  return entry.kind === 'normal' ? entry.data.byteLength : entry.change.context.byteLength;
}
