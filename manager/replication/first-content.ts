/** What a log has at its beginning. */
import { configurationOf, NO_PEER } from '../raft/message.ts';
import type { Compacted, LogContent } from './durable-log.ts';
import type { PeerAddress } from './peers/transport.ts';

/** As if it had been compacted: whoever joins needs a snapshot to learn who the first voter was. */
export const FIRST_ENTRY: Compacted = { index: 1, term: 1 };

/** The log of the only manager: a snapshot of the state after `last`. */
export function aloneContent(member: PeerAddress, last: Compacted, data: Uint8Array): LogContent {
  const hardState = { term: last.term, vote: NO_PEER, commit: last.index };
  const snapshot = { ...last, configuration: configurationOf([member.id]), data, members: [member] };
  return { hardState, snapshot, entries: [] };
}

/** The log of one that the leader will tell all the rest. */
export function joinedContent(members: readonly PeerAddress[]): LogContent {
  const hardState = { term: 0, vote: NO_PEER, commit: 0 };
  const snapshot = { index: 0, term: 0, configuration: configurationOf([]), data: new Uint8Array(), members };
  return { hardState, snapshot, entries: [] };
}
