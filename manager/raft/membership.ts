/** The configuration that a node goes by changes when it applies the entry, or the snapshot, that says so. */
import { nextConfiguration } from './confchange/confchange.ts';
import { checkInvariants } from './confchange/invariants.ts';
import { type ConfigChange, type Configuration, NO_PEER, type Snapshot } from './message.ts';
import { propose } from './proposal.ts';
import type { Raft } from './raft.ts';
import { answerConfirmed } from './read-index.ts';
import { commitByMajority } from './replication.ts';
import { broadcastAppend, sendEntries } from './sending.ts';

const LEAVE_JOINT: ConfigChange = { transition: 'auto', changes: [], context: new Uint8Array() };

/**
 * Returns the configuration that goes with the state after the change. Throws a ConfigChangeError when the change can't
 * be made, which the leader sees to when it is proposed.
 */
export function applyConfigChange(raft: Raft, change: ConfigChange): Configuration {
  const configuration = nextConfiguration(raft.appliedConfiguration, change);
  raft.appliedConfiguration = configuration;
  // A snapshot has come while the change was on its way to the state machine: this node goes by its configuration already.
  if (raft.log.pendingSnapshot !== undefined) return configuration;
  raft.tracker.configure(configuration, raft.log.lastIndex());
  if (raft.role === 'leader') goOnLeading(raft);
  return configuration;
}

/** A snapshot replaces the configuration with the state. Only a follower installs one. */
export function restoreConfiguration(raft: Raft, { index, configuration }: Snapshot): void {
  checkInvariants(configuration);
  raft.tracker.configure(configuration, index);
  raft.tracker.resetProgress(index);
}

/** Leaves the joint configuration by itself, where that was asked for, once nothing else is pending. */
export function leaveJointWhenDue(raft: Raft): void {
  const { role, tracker, log, pendingConfigIndex } = raft;
  if (role !== 'leader' || !tracker.configuration.autoLeave || log.applied < pendingConfigIndex) return;
  // Dropped while leadership is being handed over: tried again with the next entry, or when that fails.
  propose(raft, [{ kind: 'config-change', change: LEAVE_JOINT }]);
}

function goOnLeading(raft: Raft): void {
  const { tracker, config } = raft;
  if (tracker.own === undefined || tracker.own.learner) {
    if (config.stepDownOnRemoval) raft.becomeFollower(raft.term, NO_PEER);
    return;
  }
  // A majority may be less now. If it isn't, the newcomers needn't wait for the next heartbeat.
  if (commitByMajority(raft)) broadcastAppend(raft);
  else for (const peer of tracker.others) sendEntries(raft, peer);
  if (!tracker.isVoter(raft.transferee)) raft.transferee = NO_PEER;
  answerConfirmed(raft);
}
