/** What a node does with what its leader sends: sections 5.3 and 7 of the paper. */
import { restoreConfiguration } from './membership.ts';
import { type Append, type Heartbeat, type InstallSnapshot, type Message, NO_PEER, type Snapshot } from './message.ts';
import type { Raft } from './raft.ts';

export function handleAppend(raft: Raft, message: Message<Append>): void {
  const { from, previousIndex, previousTerm, entries, commit } = message;
  if (previousIndex < raft.log.committed) {
    // Outdated: what is committed is the leader's, so there is nothing to compare.
    raft.sendAfterAppend(from, { type: 'append-accepted', index: raft.log.committed });
    return;
  }
  const last = raft.log.appendAfter(previousIndex, previousTerm, entries);
  if (last === undefined) {
    const end = Math.min(previousIndex, raft.log.lastIndex());
    const { index: hintIndex, term: hintTerm } = raft.log.findAtMostTerm(end, previousTerm);
    raft.sendAfterAppend(from, { type: 'append-rejected', index: previousIndex, hintIndex, hintTerm });
    return;
  }
  raft.log.commitTo(Math.min(commit, last));
  raft.sendAfterAppend(from, { type: 'append-accepted', index: last });
}

export function handleHeartbeat(raft: Raft, { from, commit, context }: Message<Heartbeat>): void {
  raft.log.commitTo(commit);
  raft.send(from, { type: 'heartbeat-response', context });
}

export function handleSnapshot(raft: Raft, { from, snapshot }: Message<InstallSnapshot>): void {
  const index = restore(raft, snapshot) ? raft.log.lastIndex() : raft.log.committed;
  raft.sendAfterAppend(from, { type: 'append-accepted', index });
}

/** From elsewhere it is known that the leader is gone: this node may vote without waiting for its lease to end. */
export function forgetLeader(raft: Raft): void {
  if (raft.role === 'follower' && raft.config.readOnly === 'safe') raft.leader = NO_PEER;
}

/**
 * False when this node has all of it anyway. It need not take part in the snapshot's configuration: whoever is added after
 * the last snapshot finds that in the entries that follow it.
 */
function restore(raft: Raft, snapshot: Snapshot): boolean {
  const { index, term } = snapshot;
  if (index <= raft.log.committed) return false;
  if (raft.log.matches(index, term)) {
    // The log has the entry: the snapshot only says that it is committed.
    raft.log.commitTo(index);
    return false;
  }
  raft.log.restore(snapshot);
  restoreConfiguration(raft, snapshot);
  return true;
}
