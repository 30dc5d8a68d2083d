/** What a leader makes of its followers' answers: section 5.3 of the paper. */
import type { AppendAccepted, AppendRejected, HeartbeatResponse, Message, PeerId } from './message.ts';
import type { Raft } from './raft.ts';
import { confirmReads, releasePostponedReads } from './read-index.ts';
import { decodeRound } from './read-queue.ts';
import { broadcastAppend, sendAppend, sendEntries } from './sending.ts';
import type { Progress } from './tracker/progress.ts';
import { continueTransfer } from './transfer.ts';

export function handleAppendAccepted(raft: Raft, { from, index }: Message<AppendAccepted>): void {
  const progress = raft.tracker.progressOf(from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  const wasProbing = progress.state === 'probe' && progress.match === index;
  if (!progress.confirm(index) && !wasProbing) return;
  resumeReplication(raft, progress, index);
  if (commitByMajority(raft)) {
    releasePostponedReads(raft);
    broadcastAppend(raft);
  } else if (from !== raft.id && progress.wantsCommit(raft.log.committed)) {
    sendAppend(raft, from);
  }
  if (from === raft.id) return;
  // There may be room for more messages than one now.
  while (sendEntries(raft, from));
  continueTransfer(raft, from, progress.match);
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

export function handleHeartbeatResponse(raft: Raft, { from, context }: Message<HeartbeatResponse>): void {
  const progress = raft.tracker.progressOf(from);
  if (progress === undefined) return;
  progress.recentlyActive = true;
  progress.resume();
  // Also to one that has all: its answer ends the probing.
  if (progress.match < raft.log.lastIndex() || progress.state === 'probe') sendAppend(raft, from);
  confirmReads(raft, from, decodeRound(context));
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
export function commitByMajority(raft: Raft): boolean {
  const index = raft.tracker.committedIndex();
  if (index <= raft.log.committed || !raft.log.matches(index, raft.term)) return false;
  raft.log.commitTo(index);
  return true;
}
