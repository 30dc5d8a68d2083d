/** Entries compared and shown. */
import { isDeepStrictEqual } from 'node:util';
import type { Entry } from '../../../manager/raft/message.ts';

export type Position = Pick<Entry, 'index' | 'term'>;

/** Entries pass through the simulated network as they are, so most are the same object. */
export function sameEntry(one: Entry, other: Entry): boolean {
  return one === other || isDeepStrictEqual(one, other);
}

export function describeEntry({ index, term }: Position): string {
  return `entry ${term}/${index}`;
}
