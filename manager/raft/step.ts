/** What happens with a message: first by its term, then by its kind and this node's role. */
import { handleTimeoutNow, handleVoteRequest, handleVoteResponse, learnCommit, rejectEarlierTerm } from './election.ts';
import { handleAppend, handleHeartbeat, handleSnapshot } from './follower.ts';
import { type Message, NO_PEER } from './message.ts';
import { handlePropose } from './proposal.ts';
import type { Raft } from './raft.ts';
import { handleReadIndex, handleReadIndexResponse } from './read-index.ts';
import { handleAppendAccepted, handleAppendRejected, handleHeartbeatResponse } from './replication.ts';
import { transferLeadership } from './transfer.ts';

/** `dropped`: a proposal that this node can't take. `unknown-peer`: an answer of somebody who takes no part, ignored. */
export type StepResult = 'stepped' | 'dropped' | 'unknown-peer';

export function step(raft: Raft, message: Message): StepResult {
  // Wishes belong to no term.
  if (message.type === 'propose') return handlePropose(raft, message) === 'dropped' ? 'dropped' : 'stepped';
  if (message.type === 'vote-response' || message.type === 'pre-vote-response') learnCommit(raft, message);
  if (message.type === 'read-index') handleReadIndex(raft, message);
  else if (message.term < raft.term) answerEarlierTerm(raft, message);
  else if (message.term === raft.term || enterLaterTerm(raft, message)) dispatch(raft, message);
  return 'stepped';
}

/** Adopts the later term where the message calls for it; false when the message is to be ignored. */
function enterLaterTerm(raft: Raft, message: Message): boolean {
  const { type, term, from } = message;
  switch (type) {
    case 'vote-request':
      if (raft.inLease && !message.transfer) return false;
      break;
    case 'pre-vote-request':
      // Answered without the term being taken over: nobody leads or campaigns in it yet.
      return !raft.inLease;
    case 'pre-vote-response':
      // In the term of the campaign to come, when it was granted.
      if (message.granted) return true;
      break;
    case 'append':
    case 'heartbeat':
    case 'install-snapshot':
      raft.becomeFollower(term, from);
      return true;
    default:
      break;
  }
  raft.becomeFollower(term, NO_PEER);
  return true;
}

/**
 * Whoever still believes in an earlier term is ignored, with exceptions, so that nobody gets stuck: a leader that this
 * node's own campaign has left behind, one who asks for a pre-vote, and one who asks for a vote and isn't asked for his.
 */
function answerEarlierTerm(raft: Raft, { type, from }: Message): void {
  const { checkQuorum, preVote } = raft.config;
  if ((checkQuorum || preVote) && (type === 'heartbeat' || type === 'append')) {
    raft.sendAfterAppend(from, { type: 'append-accepted', index: 0 });
  } else if (type === 'pre-vote-request' || type === 'vote-request') {
    rejectEarlierTerm(raft, from, type);
  }
}

function dispatch(raft: Raft, message: Message): void {
  switch (message.type) {
    case 'vote-request':
    case 'pre-vote-request':
      handleVoteRequest(raft, message);
      break;
    case 'vote-response':
    case 'pre-vote-response':
      handleVoteResponse(raft, message);
      break;
    case 'append':
    case 'heartbeat':
    case 'install-snapshot':
      fromLeader(raft, message);
      break;
    case 'append-accepted':
    case 'append-rejected':
    case 'heartbeat-response':
      if (raft.role === 'leader') fromFollower(raft, message);
      break;
    case 'read-index-response':
      handleReadIndexResponse(raft, message);
      break;
    case 'timeout-now':
      handleTimeoutNow(raft);
      break;
    case 'transfer-leadership':
      transferLeadership(raft, message.target);
      break;
    case 'propose':
    case 'read-index':
      break;
  }
}

type LeaderMessage = Extract<Message, { type: 'append' | 'heartbeat' | 'install-snapshot' }>;
type FollowerMessage = Extract<Message, { type: 'append-accepted' | 'append-rejected' | 'heartbeat-response' }>;

function fromLeader(raft: Raft, message: LeaderMessage): void {
  // There is one leader to a term: a leader can't hear of another, and a candidate has lost.
  if (raft.role === 'leader') return;
  if (raft.role !== 'follower') raft.becomeFollower(message.term, message.from);
  raft.electionElapsed = 0;
  raft.leader = message.from;
  if (message.type === 'append') handleAppend(raft, message);
  else if (message.type === 'heartbeat') handleHeartbeat(raft, message);
  else handleSnapshot(raft, message);
}

function fromFollower(raft: Raft, message: FollowerMessage): void {
  if (message.type === 'append-accepted') handleAppendAccepted(raft, message);
  else if (message.type === 'append-rejected') handleAppendRejected(raft, message);
  else handleHeartbeatResponse(raft, message);
}
