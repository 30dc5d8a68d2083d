/** What to say when the managers can't decide anything any more. Pure. */
import { GantryError } from '../../proto/errors.ts';
import type { Member } from './replicated-log.ts';

/** Which may be so for a moment without anything being wrong. */
export function noLeader(): GantryError {
  return new GantryError('UNAVAILABLE', "the cluster's managers have no leader at the moment", {
    hint: 'try again in a few seconds',
  });
}

/** Undefined while as many managers can be reached as are needed. */
export function lostQuorum(members: readonly Member[]): GantryError | undefined {
  const voters = members.filter(({ voter }) => voter);
  const unreachable = voters.filter(({ reachable }) => !reachable);
  const needed = Math.floor(voters.length / 2) + 1;
  if (voters.length - unreachable.length >= needed) return undefined;
  const who = unreachable.map(({ id, address }) => `${id} (${address})`).join(', ');
  return new GantryError(
    'UNAVAILABLE',
    `the cluster has lost its quorum: ${needed} of its ${voters.length} managers are needed, and ${who} can't be reached`,
    { hint: 'what runs goes on; bring them back, or, if they are lost for good, run "gantry cluster recover" here' },
  );
}
