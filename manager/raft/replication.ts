/** A leader's part in keeping the followers' logs like its own: section 5.3 of the paper. */
import type { AppendAccepted, AppendRejected, HeartbeatResponse, Message, PeerId } from './message.ts';
import type { Raft } from './raft.ts';
import type { Progress } from './tracker/progress.ts';

export function broadcastAppend(raft: Raft): void {
  for (const peer of raft.peers) sendAppend(raft, peer);
}

export function broadcastHeartbeat(raft: Raft): void {
  for (const peer of raft.peers) {
    const progress = raft.tracker.progressOf(peer);
    if (progress === undefined) continue;
    // Never beyond what the follower is known to have: it may have other entries there.
    const commit = Math.min(progress.match, raft.log.committed);
    raft.send(peer, { type: 'heartbeat', commit, context: new Uint8Array() });
    progress.sentCommit(commit);
  }
}

export function handleAppendAccepted(raft: Raft, { from, index }: Message<AppendAccepted>): void {
  const progress = raft.tracker.progressOf(from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  const wasProbing = progress.state === 'probe' && progress.match === index;
  if (!progress.confirm(index) && !wasProbing) return;
  resumeReplication(raft, progress, index);
  if (commitByMajority(raft)) broadcastAppend(raft);
  else if (from !== raft.id && progress.wantsCommit(raft.log.committed)) sendAppend(raft, from);
  // There may be room for more messages than one now.
  while (from !== raft.id && sendEntries(raft, from, progress));
}

function resumeReplication(raft: Raft, progress: Progress, index: number): void {
  if (progress.state === 'replicate') progress.freeInflight(index);
  else if (progress.state === 'probe') progress.becomeReplicate();
  // The snapshot that was sent may be outdated, but what the follower has now joins up with this log.
  else if (progress.match + 1 >= raft.log.firstIndex()) progress.becomeReplicate();
}

export function handleAppendRejected(raft: Raft, response: Message<AppendRejected>): void {
  const { from, index, hintIndex, hintTerm } = response;
  const progress = raft.tracker.progressOf(from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  // Skips whole terms that the follower can't have, instead of one entry at a time.
  const hint = hintTerm > 0 ? raft.log.findAtMostTerm(hintIndex, hintTerm).index : hintIndex;
  if (!progress.retreat(index, hint)) return;
  if (progress.state === 'replicate') progress.becomeProbe();
  sendAppend(raft, from);
}

export function handleHeartbeatResponse(raft: Raft, { from }: Message<HeartbeatResponse>): void {
  const progress = raft.tracker.progressOf(from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  progress.resume();
  if (progress.match < raft.log.lastIndex() || progress.state === 'probe') sendAppend(raft, from);
}

/** The transport has lost what it was sending to the peer. */
export function reportUnreachable(raft: Raft, peer: PeerId): void {
  const progress = raft.tracker.progressOf(peer);
  if (raft.role === 'leader' && progress?.state === 'replicate') progress.becomeProbe();
}

/** The snapshot has reached the peer, or hasn't. Either way nothing is sent before the peer speaks again. */
export function reportSnapshot(raft: Raft, peer: PeerId, arrived: boolean): void {
  const progress = raft.tracker.progressOf(peer);
  if (raft.role !== 'leader' || progress?.state !== 'snapshot') return;
  if (!arrived) progress.forgetSnapshot();
  progress.becomeProbe();
  progress.pause();
}

/** Commits what a majority has on disk, if it is of this term: section 5.4.2. */
function commitByMajority(raft: Raft): boolean {
  const index = raft.tracker.committedIndex();
  if (index <= raft.log.committed || !raft.log.matches(index, raft.term)) return false;
  raft.log.commitTo(index);
  return true;
}

/** Sends entries, or at least the commit index, unless the peer has to answer first. */
function sendAppend(raft: Raft, peer: PeerId): void {
  const progress = raft.tracker.progressOf(peer);
  if (progress !== undefined && !progress.paused) sendNext(raft, peer, progress);
}

/** Sends entries, if there are any that may be sent now. */
function sendEntries(raft: Raft, peer: PeerId, progress: Progress): boolean {
  if (progress.paused || progress.full || progress.next > raft.log.lastIndex()) return false;
  return sendNext(raft, peer, progress);
}

function sendNext(raft: Raft, peer: PeerId, progress: Progress): boolean {
  const previousIndex = progress.next - 1;
  const previousTerm = raft.log.term(previousIndex);
  // A peer whose window is full gets no more, but a message all the same: its answer opens the window.
  const entries = progress.full ? [] : raft.log.entriesFrom(progress.next, raft.config.maxBytesPerMessage);
  if (previousTerm === undefined || entries === undefined) return sendSnapshot(raft, peer, progress);
  const commit = raft.log.committed;
  raft.send(peer, { type: 'append', previousIndex, previousTerm, entries, commit });
  progress.sent(entries.length);
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
