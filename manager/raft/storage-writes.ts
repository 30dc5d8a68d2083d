/**
 * Writing to log and state machine while the core goes on (asyncStorageWrites). In the place of `advance` each Ready gives
 * at most one write for either, which carry the messages to deliver once they are done: to this node itself (step), or to
 * others. The driver owes:
 *
 * - appends are done in the order in which they came, and so are applies; the two don't wait for each other;
 * - an append is on disk before its responses are delivered; one without responses no later than the next one;
 * - responses are delivered in their order, and none is lost;
 * - a snapshot may overtake entries that wait to be applied: those that the state machine has with it are skipped, and so
 *   are the changes of the configuration among them.
 *
 * Without the option the core uses the same responses by itself, in `advance`.
 */

import { leaveJointWhenDue } from './membership.ts';
import type { Entry, HardState, Message, PeerId, Snapshot } from './message.ts';
import type { Raft } from './raft.ts';

export interface AppendWrite {
  readonly type: 'storage-append';
  /** Undefined when it hasn't changed. */
  readonly hardState: HardState | undefined;
  /** Replaces the whole log and the whole state; before the entries. */
  readonly snapshot: Snapshot | undefined;
  /** Over whatever the log has from the first one's index on. */
  readonly entries: readonly Entry[];
  readonly responses: readonly (Message | AppendDone)[];
}

export interface ApplyWrite {
  readonly type: 'storage-apply';
  readonly entries: readonly Entry[];
  readonly responses: readonly ApplyDone[];
}

export type StorageWrite = AppendWrite | ApplyWrite;

export interface AppendDone {
  readonly type: 'storage-append-done';
  readonly to: PeerId;
  readonly term: number;
  /** The log's end when the write was handed out; undefined when all of it was on disk. */
  readonly last: { readonly index: number; readonly term: number } | undefined;
  readonly snapshot: Snapshot | undefined;
}

export interface ApplyDone {
  readonly type: 'storage-apply-done';
  readonly to: PeerId;
  readonly entries: readonly Entry[];
}

export type StorageDone = AppendDone | ApplyDone;

/**
 * Undefined when there is nothing to hear of. It names the log's end even when no entry is written with it: an earlier
 * answer may have been ignored because of its term, and this one says as much in the present one.
 */
export function appendDone({ id, term, log }: Raft, snapshot: Snapshot | undefined): AppendDone | undefined {
  if (!log.hasUnstableEntries && snapshot === undefined) return undefined;
  const last = log.hasUnstableEntries ? { index: log.lastIndex(), term: log.lastTerm() } : undefined;
  return { type: 'storage-append-done', to: id, term, last, snapshot };
}

export function applyDone({ id }: Raft, entries: readonly Entry[]): ApplyDone {
  return { type: 'storage-apply-done', to: id, entries };
}

export function handleStorageDone(raft: Raft, done: StorageDone): void {
  if (done.type === 'storage-append-done') handleAppendDone(raft, done);
  else handleApplyDone(raft, done);
}

/**
 * What was written in an earlier term may be replaced by a write that is still under way, though its index and term are
 * those of an entry that is here again: so it isn't taken for the present log. A snapshot is committed state in any term.
 */
function handleAppendDone(raft: Raft, { term, last, snapshot }: AppendDone): void {
  if (last !== undefined && term === raft.term) raft.log.stableTo(last.index, last.term);
  if (snapshot === undefined) return;
  raft.log.snapshotStable(snapshot.index);
  if (snapshot.index < raft.log.applied) return;
  raft.appliedConfiguration = snapshot.configuration;
  applied(raft, snapshot.index, []);
}

function handleApplyDone(raft: Raft, { entries }: ApplyDone): void {
  const last = entries.at(-1);
  if (last === undefined) return;
  applied(raft, last.index, entries);
  raft.releaseUncommitted(entries);
}

/** A snapshot may have overtaken the entries. */
function applied(raft: Raft, index: number, entries: readonly Entry[]): void {
  raft.log.appliedTo(Math.max(index, raft.log.applied), entries);
  leaveJointWhenDue(raft);
}
