/** What becomes of a proposal: appended by a leader, passed on to it by a follower, or dropped. */
import { isJoint, nextConfiguration } from './confchange/confchange.ts';
import { ConfigChangeError } from './confchange/invariants.ts';
import {
  type ConfigChange,
  type Message,
  NO_PEER,
  type PeerId,
  type Proposal,
  type ProposalResult,
  type Propose,
} from './message.ts';
import type { Raft } from './raft.ts';
import { broadcastAppend } from './sending.ts';

const EMPTY: Proposal = { kind: 'normal', data: new Uint8Array() };

/** All of them, one after the other, or none. */
export function propose(raft: Raft, proposals: readonly Proposal[], from: PeerId = raft.id): ProposalResult {
  if (proposals.length === 0) return 'accepted';
  if (raft.role === 'leader') return append(raft, proposals) ? 'accepted' : 'dropped';
  if (raft.role !== 'follower' || raft.leader === NO_PEER || !raft.config.forwardProposals) return 'dropped';
  raft.messages.push({ type: 'propose', proposals, from, to: raft.leader, term: 0 });
  return 'forwarded';
}

export function handlePropose(raft: Raft, { proposals, from }: Message<Propose>): ProposalResult {
  return propose(raft, proposals, from);
}

/** A leader that is no member any more, or is handing over, takes no more. */
function append(raft: Raft, proposals: readonly Proposal[]): boolean {
  if (raft.tracker.own === undefined || raft.transferee !== NO_PEER) return false;
  const first = raft.log.lastIndex() + 1;
  let { pendingConfigIndex } = raft;
  const checked = proposals.map((proposal, position) => {
    if (proposal.kind === 'normal') return proposal;
    if (raft.config.validateConfigChanges && !isPossible(raft, proposal.change, pendingConfigIndex)) return EMPTY;
    pendingConfigIndex = first + position;
    return proposal;
  });
  if (!raft.appendOwn(checked)) return false;
  raft.pendingConfigIndex = pendingConfigIndex;
  broadcastAppend(raft);
  return true;
}

/**
 * One change at a time: while none is pending, the configuration there is is the one it will be applied to. So what can't
 * be applied never gets into the log, where it would stop every node.
 */
function isPossible({ log, tracker }: Raft, change: ConfigChange, pendingConfigIndex: number): boolean {
  if (pendingConfigIndex > log.applied) return false;
  if (isJoint(tracker.configuration) !== (change.changes.length === 0)) return false;
  try {
    nextConfiguration(tracker.configuration, change);
    return true;
  } catch (error) {
    if (error instanceof ConfigChangeError) return false;
    throw error;
  }
}
