/**
 * From one configuration to the next, as chapter 4 of the thesis has it: one voter at a time, or through a joint
 * configuration. Pure. What isn't possible throws a ConfigChangeError, and leaves no trace.
 */
import type { ConfigChange, Configuration, PeerId, SingleChange } from '../message.ts';
import { ConfigChangeError, checkInvariants } from './invariants.ts';

/** The configuration that `change` leads to. */
export function nextConfiguration(configuration: Configuration, change: ConfigChange): Configuration {
  if (leavesJoint(change)) return leaveJoint(configuration);
  if (!entersJoint(change)) return simple(configuration, change.changes);
  return enterJoint(configuration, change.changes, change.transition !== 'joint-explicit');
}

export function isJoint({ votersOutgoing }: Configuration): boolean {
  return votersOutgoing.length > 0;
}

/** Changes at most one voter. */
export function simple(configuration: Configuration, changes: readonly SingleChange[]): Configuration {
  if (isJoint(configuration)) throw new ConfigChangeError("can't apply simple config change in joint config");
  const draft = draftOf(configuration);
  applyAll(draft, changes);
  if (differences(new Set(configuration.voters), draft.voters) > 1) {
    throw new ConfigChangeError('more than one voter changed without entering joint config');
  }
  return finish(draft);
}

/** The voters so far go on deciding beside the new ones, until the joint configuration is left. */
export function enterJoint(
  configuration: Configuration,
  changes: readonly SingleChange[],
  autoLeave: boolean,
): Configuration {
  if (isJoint(configuration)) throw new ConfigChangeError('config is already joint');
  if (configuration.voters.length === 0) throw new ConfigChangeError("can't make a zero-voter config joint");
  const draft = { ...draftOf(configuration), votersOutgoing: new Set(configuration.voters) };
  applyAll(draft, changes);
  return finish({ ...draft, autoLeave });
}

/** The old voters are gone; those of them that are to be learners are now. */
export function leaveJoint(configuration: Configuration): Configuration {
  if (!isJoint(configuration)) throw new ConfigChangeError("can't leave a non-joint config");
  const { voters, learners, learnersNext } = draftOf(configuration);
  return finish({
    voters,
    votersOutgoing: new Set(),
    learners: new Set([...learners, ...learnersNext]),
    learnersNext: new Set(),
    autoLeave: false,
  });
}

interface Draft {
  readonly voters: Set<PeerId>;
  readonly votersOutgoing: Set<PeerId>;
  readonly learners: Set<PeerId>;
  readonly learnersNext: Set<PeerId>;
  readonly autoLeave: boolean;
}

function draftOf({ voters, votersOutgoing, learners, learnersNext, autoLeave }: Configuration): Draft {
  return {
    voters: new Set(voters),
    votersOutgoing: new Set(votersOutgoing),
    learners: new Set(learners),
    learnersNext: new Set(learnersNext),
    autoLeave,
  };
}

function finish({ voters, votersOutgoing, learners, learnersNext, autoLeave }: Draft): Configuration {
  const configuration = {
    voters: [...voters].sort(),
    votersOutgoing: [...votersOutgoing].sort(),
    learners: [...learners].sort(),
    learnersNext: [...learnersNext].sort(),
    autoLeave,
  };
  checkInvariants(configuration);
  return configuration;
}

function leavesJoint({ transition, changes }: ConfigChange): boolean {
  return transition === 'auto' && changes.length === 0;
}

function entersJoint({ transition, changes }: ConfigChange): boolean {
  return transition !== 'auto' || changes.length > 1;
}

function applyAll(draft: Draft, changes: readonly SingleChange[]): void {
  for (const { type, node } of changes) {
    if (type === 'add-voter') makeVoter(draft, node);
    else if (type === 'add-learner') makeLearner(draft, node);
    else if (type === 'remove') remove(draft, node);
  }
  if (draft.voters.size === 0) throw new ConfigChangeError('removed all voters');
}

function makeVoter(draft: Draft, node: PeerId): void {
  draft.learners.delete(node);
  draft.learnersNext.delete(node);
  draft.voters.add(node);
}

/** Who still votes in the configuration that is being left becomes a learner only when it is left: nobody is both. */
function makeLearner(draft: Draft, node: PeerId): void {
  if (draft.learners.has(node)) return;
  remove(draft, node);
  if (draft.votersOutgoing.has(node)) draft.learnersNext.add(node);
  else draft.learners.add(node);
}

function remove(draft: Draft, node: PeerId): void {
  draft.voters.delete(node);
  draft.learners.delete(node);
  draft.learnersNext.delete(node);
}

function differences(one: ReadonlySet<PeerId>, other: ReadonlySet<PeerId>): number {
  return [...one].filter((id) => !other.has(id)).length + [...other].filter((id) => !one.has(id)).length;
}
