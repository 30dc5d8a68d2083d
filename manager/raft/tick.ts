/** One unit of logical time. */
import { startElection } from './election.ts';
import { leaveJointWhenDue } from './membership.ts';
import { NO_PEER } from './message.ts';
import type { Raft } from './raft.ts';
import { broadcastHeartbeat } from './sending.ts';

export function tick(raft: Raft): void {
  raft.ticks += 1;
  raft.electionElapsed += 1;
  if (raft.role === 'leader') tickLeader(raft);
  else if (raft.promotable && raft.electionElapsed >= raft.electionTimeout) {
    raft.electionElapsed = 0;
    startElection(raft);
  }
}

function tickLeader(raft: Raft): void {
  raft.heartbeatElapsed += 1;
  if (raft.electionElapsed >= raft.config.electionTicks) {
    raft.electionElapsed = 0;
    if (raft.config.checkQuorum && !raft.tracker.takeQuorumActive()) {
      raft.becomeFollower(raft.term, NO_PEER);
      return;
    }
    if (raft.transferee !== NO_PEER) abandonTransfer(raft);
  }
  if (raft.heartbeatElapsed >= raft.config.heartbeatTicks) {
    raft.heartbeatElapsed = 0;
    broadcastHeartbeat(raft);
  }
}

/** The target hasn't taken over within an election timeout: proposals are taken again. */
function abandonTransfer(raft: Raft): void {
  raft.transferee = NO_PEER;
  leaveJointWhenDue(raft);
}
