/**
 * Linearizable reads without a log entry (thesis, section 6.4). The leader notes what is committed, makes sure that it
 * still leads, and answers with that index: the read sees all it must once the state machine has it.
 *
 * `safe` makes sure by a round of heartbeats. `lease` saves the round while a majority has lately promised not to elect
 * anybody else. That holds only as long as no node's ticks are more than a tenth faster than another's: a leader that is
 * stopped and goes on without having its ticks made up for may answer with what is outdated.
 */
import { type Message, NO_PEER, type PeerId, type ReadIndex, type ReadIndexResponse } from './message.ts';
import type { Raft } from './raft.ts';
import type { Read } from './read-queue.ts';
import { broadcastHeartbeat } from './sending.ts';

/** Of the election timeout: the clocks' rates may differ by that. */
const MAX_DRIFT = 0.1;
/** Leader and follower may each be up to one tick into the present one. */
const UNCERTAIN_TICKS = 2;

/** A read of this node's own. Nothing happens where no leader is known. */
export function readIndex(raft: Raft, context: Uint8Array): void {
  if (raft.role === 'leader') lead(raft, { from: raft.id, context });
  else if (raft.role === 'follower' && raft.leader !== NO_PEER) {
    raft.send(raft.leader, { type: 'read-index', context }, 0);
  }
}

export function handleReadIndex(raft: Raft, { from, context }: Message<ReadIndex>): void {
  if (raft.role === 'leader') lead(raft, { from, context });
  else if (raft.role === 'follower' && raft.leader !== NO_PEER) {
    raft.messages.push({ type: 'read-index', context, from, to: raft.leader, term: 0 });
  }
}

export function handleReadIndexResponse(raft: Raft, { index, context }: Message<ReadIndexResponse>): void {
  if (raft.role === 'follower') raft.readStates.push({ index, context });
}

/** Something was committed: the first of it in this term makes reads possible. */
export function releasePostponedReads(raft: Raft): void {
  if (!hasCommittedOfOwnTerm(raft)) return;
  for (const read of raft.reads.takePostponed()) start(raft, read);
}

/** The peer has answered the heartbeats up to `round`. */
export function confirmReads(raft: Raft, from: PeerId, round: number): void {
  raft.reads.answer(from, round);
  answerConfirmed(raft);
}

/** Also to be called when the configuration changes: a majority may be less now. */
export function answerConfirmed(raft: Raft): void {
  const { reads, tracker, id } = raft;
  if (tracker.isVoter(id)) reads.answer(id, reads.round);
  for (const { read, index } of reads.confirm(tracker.reachedByMajority(reads.answered))) answer(raft, read, index);
}

/** What earlier leaders have committed isn't known in full before something of this term is. */
function lead(raft: Raft, read: Read): void {
  if (hasCommittedOfOwnTerm(raft)) start(raft, read);
  else raft.reads.postpone(read);
}

function start(raft: Raft, read: Read): void {
  const { reads, log, config, ticks } = raft;
  const leaseTicks = config.electionTicks * (1 - MAX_DRIFT) - UNCERTAIN_TICKS;
  if (config.readOnly === 'lease' && reads.hasLease(ticks, leaseTicks)) {
    answer(raft, read, log.committed);
    return;
  }
  // A round that hasn't been taken to be sent yet will do for this read too.
  if (!raft.roundIsOpen) broadcastHeartbeat(raft);
  reads.add(read, log.committed, reads.round);
  answerConfirmed(raft);
}

function answer(raft: Raft, { from, context }: Read, index: number): void {
  if (from === raft.id) raft.readStates.push({ index, context });
  else raft.send(from, { type: 'read-index-response', index, context });
}

function hasCommittedOfOwnTerm({ log, term }: Raft): boolean {
  return log.matches(log.committed, term);
}
