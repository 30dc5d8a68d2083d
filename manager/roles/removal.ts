/** Whether the managers can do without one of them. Pure. */
import { GantryError } from '../../proto/errors.ts';
import type { Member } from '../replication/replicated-log.ts';

/** What a removal would do to those who decide. */
export type RemovalOutcome =
  | { readonly outcome: 'harmless' }
  /** Nobody would be left. */
  | { readonly outcome: 'last' }
  | { readonly outcome: 'no-quorum'; readonly needed: number; readonly remaining: readonly Member[] };

export function removalOutcome(members: readonly Member[], nodeId: string): RemovalOutcome {
  const leaving = members.find(({ id }) => id === nodeId);
  if (leaving === undefined || !leaving.voter) return { outcome: 'harmless' };
  const remaining = members.filter(({ id, voter }) => voter && id !== nodeId);
  if (remaining.length === 0) return { outcome: 'last' };
  const needed = Math.floor(remaining.length / 2) + 1;
  const reachable = remaining.filter((member) => member.reachable);
  return reachable.length >= needed ? { outcome: 'harmless' } : { outcome: 'no-quorum', needed, remaining };
}

/** `verb`: "demote" or "remove". Force helps against the loss of quorum, but nobody can do without any manager. */
export function refuseHarm(
  verb: string,
  name: string,
  result: RemovalOutcome,
  force: boolean,
  nameOf: (nodeId: string) => string,
): void {
  if (result.outcome === 'last') {
    throw new GantryError('WRONG_STATE', `cannot ${verb} node ${name}: it is the cluster's last manager`, {
      hint: 'promote another node first, and wait until "gantry node ls" says that it is reachable',
    });
  }
  if (result.outcome === 'harmless' || force) return;
  const { remaining, needed } = result;
  const names = (reachable: boolean) =>
    remaining
      .filter((member) => member.reachable === reachable)
      .map(({ id }) => nameOf(id))
      .join(', ') || 'none';
  throw new GantryError(
    'WRONG_STATE',
    `cannot ${verb} node ${name}: of the ${remaining.length} managers then left ${needed} are needed to decide anything, and these can be reached: ${names(true)}`,
    { hint: `bring back ${names(false)}, or remove those nodes first; --force does it all the same` },
  );
}
