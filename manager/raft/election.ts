/** Campaigning and voting: sections 5.2 and 5.4.1 of the paper, 9.6 of the thesis. */
import { type Message, NO_PEER, type PeerId, type VoteRequest, type VoteResponse } from './message.ts';
import type { Raft } from './raft.ts';
import { broadcastAppend } from './sending.ts';

/** The election timeout has passed, or somebody wants this node to lead. */
export function startElection(raft: Raft): void {
  if (!mayCampaign(raft)) return;
  if (raft.config.preVote) askForPreVotes(raft);
  else askForVotes(raft, false);
}

/**
 * The application wants it, whatever the election timeout. With reads by lease this node keeps what it has promised its
 * leader, also towards itself: until then the leader answers reads without asking anybody.
 */
export function campaignNow(raft: Raft): void {
  if (raft.config.readOnly === 'lease' && raft.inLease) return;
  startElection(raft);
}

/** The leader hands over to this node: nobody needs to be asked first. */
export function handleTimeoutNow(raft: Raft): void {
  if (raft.role === 'follower' && mayCampaign(raft)) askForVotes(raft, true);
}

/** Not while a change of the configuration is committed and not applied: this node might ask the wrong ones. */
function mayCampaign(raft: Raft): boolean {
  const { role, promotable, log } = raft;
  return role !== 'leader' && promotable && !log.contains('config-change', log.applied, log.committed);
}

function askForPreVotes(raft: Raft): void {
  raft.becomePreCandidate();
  // The term that it would campaign in; its own stays as it is.
  ask(raft, 'pre-vote-request', raft.term + 1, false);
}

function askForVotes(raft: Raft, transfer: boolean): void {
  raft.becomeCandidate();
  ask(raft, 'vote-request', raft.term, transfer);
}

function ask(raft: Raft, type: VoteRequest['type'], term: number, transfer: boolean): void {
  const request: VoteRequest = { type, lastIndex: raft.log.lastIndex(), lastTerm: raft.log.lastTerm(), transfer };
  for (const peer of raft.tracker.voters) {
    // Its own vote, too, counts only once it is on disk.
    if (peer === raft.id) answer(raft, peer, type, true, term);
    else raft.send(peer, request, term);
  }
}

/**
 * Answers a request whose term is this node's own, or for a pre-vote a later one. Who takes itself for a learner votes too:
 * the candidate's configuration may be newer.
 */
export function handleVoteRequest(raft: Raft, request: Message<VoteRequest>): void {
  const { from, type, term, lastIndex, lastTerm } = request;
  const free = raft.vote === NO_PEER && raft.leader === NO_PEER;
  const canVote = raft.vote === from || free || (type === 'pre-vote-request' && term > raft.term);
  if (!canVote || !raft.log.isUpToDate(lastIndex, lastTerm)) {
    answer(raft, from, type, false, raft.term);
    return;
  }
  // In the term of the request: that of a pre-vote isn't this node's, and the asker would ignore an earlier one.
  answer(raft, from, type, true, term);
  if (type === 'vote-request') {
    raft.electionElapsed = 0;
    raft.vote = from;
  }
}

export function handleVoteResponse(raft: Raft, { from, type, granted }: Message<VoteResponse>): void {
  // One that comes late, from the other kind of campaign, counts for nothing.
  if (raft.role !== (type === 'pre-vote-response' ? 'pre-candidate' : 'candidate')) return;
  const result = raft.tracker.recordVote(from, granted);
  if (result === 'lost') raft.becomeFollower(raft.term, NO_PEER);
  if (result !== 'won') return;
  if (raft.role === 'pre-candidate') askForVotes(raft, false);
  // Its own vote has to be on disk, however many others it has: else it could crash, be given the same votes again, and
  // lead the same term a second time, with another log.
  else if (raft.tracker.hasVoteOf(raft.id)) {
    raft.becomeLeader();
    broadcastAppend(raft);
  }
}

/**
 * Who asks in an earlier term is told no, so that it isn't left waiting: it may have been away while others campaigned. A
 * vote is only refused to whom this node doesn't ask for votes: others hear of the later term when it campaigns itself.
 */
export function rejectEarlierTerm(raft: Raft, from: PeerId, type: VoteRequest['type']): void {
  const heardOtherwise = type === 'vote-request' && raft.promotable && raft.tracker.voters.includes(from);
  if (!heardOtherwise) answer(raft, from, type, false, raft.term);
}

/**
 * A voter that says no tells what it knows to be committed. That matters where it has been removed, has a longer log, and is
 * needed for a majority only because the candidate doesn't know of the removal: nobody could ever be elected. What is
 * committed is so in every term.
 */
export function learnCommit(raft: Raft, { granted, commitIndex, commitTerm }: VoteResponse): void {
  const { log } = raft;
  if (granted || commitIndex <= log.committed || !log.matches(commitIndex, commitTerm)) return;
  if (!log.contains('config-change', log.committed, commitIndex)) return;
  log.commitTo(commitIndex);
  // It campaigns again when it has applied the change.
  if (raft.role !== 'leader') raft.becomeFollower(raft.term, NO_PEER);
}

function answer(raft: Raft, to: PeerId, type: VoteRequest['type'], granted: boolean, term: number): void {
  const { committed: commitIndex } = raft.log;
  const commitTerm = raft.log.committedTerm();
  raft.sendAfterAppend(to, { type: responseType(type), granted, commitIndex, commitTerm }, term);
}

function responseType(type: VoteRequest['type']): VoteResponse['type'] {
  return type === 'vote-request' ? 'vote-response' : 'pre-vote-response';
}
