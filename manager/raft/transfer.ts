/** Handing leadership over: section 3.10 of the thesis. The target gets the rest of the log, then campaigns at once. */
import { NO_PEER, type PeerId } from './message.ts';
import type { Raft } from './raft.ts';
import { sendAppend } from './sending.ts';

/** A leader hands over to `target`; any other node passes the wish on to its leader. */
export function transferLeadership(raft: Raft, target: PeerId): void {
  if (raft.role === 'leader') handOver(raft, target);
  else if (raft.role === 'follower' && raft.leader !== NO_PEER) {
    raft.send(raft.leader, { type: 'transfer-leadership', target });
  }
}

function handOver(raft: Raft, target: PeerId): void {
  const progress = raft.tracker.progressOf(target);
  if (progress === undefined || progress.learner || raft.transferee === target) return;
  raft.transferee = NO_PEER;
  if (target === raft.id) return;
  // It has to be done within one election timeout.
  raft.electionElapsed = 0;
  raft.transferee = target;
  if (progress.match === raft.log.lastIndex()) sendTimeoutNow(raft, target);
  else sendAppend(raft, target);
}

/** The target has confirmed entries. */
export function continueTransfer(raft: Raft, from: PeerId, match: number): void {
  if (from === raft.transferee && match === raft.log.lastIndex()) sendTimeoutNow(raft, from);
}

function sendTimeoutNow(raft: Raft, target: PeerId): void {
  // Its campaign overrides the lease, however late the message arrives.
  raft.reads.giveUpLease();
  raft.send(target, { type: 'timeout-now' });
}
