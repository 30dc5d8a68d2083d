/** How the log's members are brought in line with the nodes' roles: the next step. Pure. */
import type { Member } from '../replication/replicated-log.ts';

export type MembershipStep =
  | { readonly step: 'remove'; readonly nodeId: string }
  /** This manager is to go, and another takes over first: it then removes this one. */
  | { readonly step: 'hand-over' };

/**
 * Undefined: all is as it should be. Nobody is added here: a manager asks to be taken in when it starts. The last one that
 * votes stays, whatever its role.
 */
export function nextMembershipStep(
  members: readonly Member[],
  managers: ReadonlySet<string>,
  selfId: string,
): MembershipStep | undefined {
  const surplus = members.filter(({ id }) => !managers.has(id));
  const other = surplus.find(({ id }) => id !== selfId);
  if (other !== undefined) return { step: 'remove', nodeId: other.id };
  const successor = members.some(({ id, voter }) => voter && id !== selfId);
  return surplus.length > 0 && successor ? { step: 'hand-over' } : undefined;
}
