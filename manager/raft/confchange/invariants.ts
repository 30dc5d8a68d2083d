/** What holds of every configuration, whether it comes from a change or from a snapshot. */
import type { Configuration } from '../message.ts';

/** A change that isn't possible from the configuration there is, or a configuration that can't be. */
export class ConfigChangeError extends Error {}

/** Throws a ConfigChangeError. The empty configuration is one: that of a node that hasn't joined yet. */
export function checkInvariants(configuration: Configuration): void {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  for (const id of learnersNext) {
    if (!votersOutgoing.includes(id)) throw new ConfigChangeError(`${id} is in LearnersNext, but not Voters[1]`);
    if (voters.includes(id)) throw new ConfigChangeError(`${id} is in LearnersNext and Voters[0]`);
  }
  for (const id of learners) {
    if (votersOutgoing.includes(id)) throw new ConfigChangeError(`${id} is in Learners and Voters[1]`);
    if (voters.includes(id)) throw new ConfigChangeError(`${id} is in Learners and Voters[0]`);
  }
  if (votersOutgoing.length > 0) return;
  if (learnersNext.length > 0) throw new ConfigChangeError('LearnersNext must be empty when not joint');
  if (autoLeave) throw new ConfigChangeError('AutoLeave must be false when not joint');
}
