/** Members of a log in etcd. It is etcd that has a quorum: managers come and go as they like, as long as one is left. */
import { GantryError } from '../../../proto/errors.ts';
import type { Member } from '../replicated-log.ts';
import type { ClusterView } from './cluster-view.ts';

/** By id. `isConnected`: whether `self` can reach etcd; otherwise it knows of nobody else. */
export function membersOf({ members, alive, leader }: ClusterView, self: string, isConnected: boolean): Member[] {
  return [...members]
    .map(([id, address]) => ({
      id,
      address,
      voter: true,
      reachable: id === self || (isConnected && alive.has(id)),
      leader: isConnected && leader?.id === id,
    }))
    .sort((one, other) => (one.id < other.id ? -1 : 1));
}

/** Why the cluster can't do without this member; undefined when it can. */
export function removalProblem(members: readonly Member[], id: string): GantryError | undefined {
  const remaining = members.filter((member) => member.id !== id);
  if (remaining.length === members.length || remaining.some(({ reachable }) => reachable)) return undefined;
  if (remaining.length === 0) {
    return new GantryError('WRONG_STATE', `node ${id} is the cluster's only manager`, {
      hint: 'promote another node first',
    });
  }
  const names = remaining.map((member) => member.id).join(', ');
  return new GantryError(
    'WRONG_STATE',
    `without node ${id} no manager would be left that can be reached: not ${names}`,
    {
      hint: 'bring one of those back first; --force removes it all the same',
    },
  );
}

/** Who leads next: the member named, or any that is there. WRONG_STATE, UNAVAILABLE. */
export function successor(members: readonly Member[], self: string, to: string | undefined): string {
  if (to === undefined) {
    const other = members.find(({ id, reachable }) => id !== self && reachable);
    if (other !== undefined) return other.id;
    throw new GantryError('WRONG_STATE', 'cannot hand over: no other manager of the cluster can be reached', {
      hint: 'promote another node first',
    });
  }
  const named = members.find(({ id }) => id === to);
  if (named === undefined) throw new GantryError('WRONG_STATE', `cannot hand over to node ${to}: it is no manager`);
  if (named.reachable) return to;
  throw new GantryError('UNAVAILABLE', `cannot hand over to node ${to}: it can't be reached`, {
    hint: 'see that it runs and can reach etcd',
  });
}

export function notMember(id: string, log: string): GantryError {
  return new GantryError('WRONG_STATE', `node ${id} is no manager of the cluster whose log is in ${log}`, {
    hint: 'join it with "gantry cluster join"; for another cluster choose another prefix, etcd://HOST/PREFIX, or delete what is under this one',
  });
}
