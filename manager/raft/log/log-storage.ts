/** What the core reads of the log that its driver has persisted. Synchronous: the core waits for nothing. */
import type { Configuration, Entry, HardState, Snapshot } from '../message.ts';
import { entryBytes } from './entry-size.ts';

export interface LogStorage {
  /**
   * As the node was left: the configuration is the one that holds after the entry that the state machine was at. The log's
   * entries don't say who takes part from the beginning. So a cluster that is to take in others begins with a snapshot at
   * index 1 or later: they get that.
   */
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

/** Entries from position `from` to below `to`, as many as fit in `maxBytes`, but at least one. Looks at no others. */
export function sliceWithin(entries: readonly Entry[], from: number, to: number, maxBytes: number): readonly Entry[] {
  let bytes = 0;
  for (let position = from; position < to; position += 1) {
    const entry = entries[position];
    if (entry === undefined) return entries.slice(from, position);
    bytes += entryBytes(entry);
    if (bytes > maxBytes && position > from) return entries.slice(from, position);
  }
  return entries.slice(from, to);
}
