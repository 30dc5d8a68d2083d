/** What a leader sends of its own accord: entries, snapshots, heartbeats. */
import { totalPayloadBytes } from './log/entry-size.ts';
import type { PeerId } from './message.ts';
import type { Raft } from './raft.ts';
import { encodeRound } from './read-queue.ts';
import type { Progress } from './tracker/progress.ts';

/** With the number of a new round, which whoever answers it confirms: see read-queue.ts. */
export function broadcastHeartbeat(raft: Raft): void {
  const context = encodeRound(raft.reads.nextRound(raft.ticks));
  raft.roundIsOpen = true;
  for (const peer of raft.tracker.others) {
    const progress = raft.tracker.progressOf(peer);
    if (progress === undefined) continue;
    // Never beyond what the follower is known to have: it may have other entries there.
    const commit = Math.min(progress.match, raft.log.committed);
    raft.send(peer, { type: 'heartbeat', commit, context });
    progress.sentCommit(commit);
  }
}

export function broadcastAppend(raft: Raft): void {
  for (const peer of raft.tracker.others) sendAppend(raft, peer);
}

/** Sends entries, or at least the commit index, unless the peer has to answer first. */
export function sendAppend(raft: Raft, peer: PeerId): void {
  const progress = raft.tracker.progressOf(peer);
  if (progress !== undefined && !progress.paused) sendNext(raft, peer, progress);
}

/** Sends entries, if there are any that may be sent now; false when there are none. */
export function sendEntries(raft: Raft, peer: PeerId): boolean {
  const progress = raft.tracker.progressOf(peer);
  if (progress === undefined || progress.paused || progress.full) return false;
  return progress.next <= raft.log.lastIndex() && sendNext(raft, peer, progress);
}

function sendNext(raft: Raft, peer: PeerId, progress: Progress): boolean {
  const previousIndex = progress.next - 1;
  const previousTerm = raft.log.term(previousIndex);
  // A peer whose window is full gets no more, but a message all the same: its answer opens the window.
  const entries = progress.full ? [] : raft.log.entriesFrom(progress.next, raft.config.maxBytesPerMessage);
  if (previousTerm === undefined || entries === undefined) return sendSnapshot(raft, peer, progress);
  const commit = raft.log.committed;
  raft.send(peer, { type: 'append', previousIndex, previousTerm, entries, commit });
  progress.sent(entries.length, totalPayloadBytes(entries));
  progress.sentCommit(commit);
  return true;
}

/** What the peer needs next is compacted. It has to be known to be there: snapshots are large. */
function sendSnapshot(raft: Raft, peer: PeerId, progress: Progress): boolean {
  const snapshot = raft.log.snapshot();
  if (!progress.recentlyActive || snapshot === undefined) return false;
  progress.becomeSnapshot(snapshot.index);
  raft.send(peer, { type: 'install-snapshot', snapshot });
  return true;
}
