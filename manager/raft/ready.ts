/** What the core wants done: see raw-node.ts for the order. */
import type { Entry, HardState, Message, ReadState, Snapshot, SoftState } from './message.ts';
import type { StorageWrite } from './storage-writes.ts';

export interface Ready {
  /** Undefined when it hasn't changed; needs no persisting. */
  readonly softState: SoftState | undefined;
  readonly hardState: HardState | undefined;
  /** Replaces the whole log and the whole state. */
  readonly snapshot: Snapshot | undefined;
  /** To be persisted, over whatever the log has from the first one's index on. After the snapshot, if there is one. */
  readonly entries: readonly Entry[];
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  /** Reads asked for here that have become possible: each once the state machine has its index. */
  readonly readStates: readonly ReadState[];
  /** With asyncStorageWrites: what is to be written, in the place of all above but messages and readStates. */
  readonly writes: readonly StorageWrite[];
  /** Without this it needn't be on disk before the messages are sent. */
  readonly mustSync: boolean;
}

export function sameSoftState(one: SoftState, other: SoftState): boolean {
  return one.leader === other.leader && one.role === other.role;
}

export function sameHardState(one: HardState, other: HardState): boolean {
  return one.term === other.term && one.vote === other.vote && one.commit === other.commit;
}
