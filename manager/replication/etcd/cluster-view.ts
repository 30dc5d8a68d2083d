/** Who leads, who is a member, and who is there: the keys of PREFIX/cluster, as the last event has left them. */
import type { IEvent, IKeyValue } from 'etcd3';
import type { Keys } from './keys.ts';

export interface Leader {
  readonly id: string;
  /** Revision of the write with which it became the leader: greater than that of every leader before. */
  readonly term: number;
}

export interface ClusterView {
  /** Every change up to this revision is in it; 0: nothing is known yet. */
  readonly revision: number;
  readonly leader: Leader | undefined;
  /** Addresses, by id. */
  readonly members: ReadonlyMap<string, string>;
  /** Leases, by the id of the member that keeps it. */
  readonly alive: ReadonlyMap<string, string>;
}

export const EMPTY_VIEW: ClusterView = { revision: 0, leader: undefined, members: new Map(), alive: new Map() };

/** `revision`: at which the keys were found so. */
export function viewOf(keys: Keys, found: readonly IKeyValue[], revision: number): ClusterView {
  return { ...found.reduce((view, kv) => withPut(keys, view, kv), EMPTY_VIEW), revision };
}

export function withEvents(keys: Keys, view: ClusterView, events: readonly IEvent[]): ClusterView {
  return events.reduce(
    (before, { type, kv }) => (type === 'Put' ? withPut(keys, before, kv) : without(keys, before, kv)),
    view,
  );
}

export function isSameCluster(a: ClusterView, b: ClusterView): boolean {
  return (
    a.leader?.id === b.leader?.id &&
    a.leader?.term === b.leader?.term &&
    isSameMap(a.members, b.members) &&
    isSameMap(a.alive, b.alive)
  );
}

function isSameMap(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

function withPut(keys: Keys, view: ClusterView, { key, value, lease, mod_revision }: IKeyValue): ClusterView {
  const target = keys.clusterKey(key);
  const revision = Number(mod_revision);
  switch (target?.kind) {
    case 'leader':
      return { ...view, revision, leader: { id: value.toString(), term: revision } };
    case 'members':
      return { ...view, revision, members: new Map(view.members).set(target.id, value.toString()) };
    case 'alive':
      return { ...view, revision, alive: new Map(view.alive).set(target.id, lease) };
    default:
      return view;
  }
}

function without(keys: Keys, view: ClusterView, { key, mod_revision }: IKeyValue): ClusterView {
  const target = keys.clusterKey(key);
  const revision = Number(mod_revision);
  switch (target?.kind) {
    case 'leader':
      return { ...view, revision, leader: undefined };
    case 'members':
      return { ...view, revision, members: removed(view.members, target.id) };
    case 'alive':
      return { ...view, revision, alive: removed(view.alive, target.id) };
    default:
      return view;
  }
}

function removed(map: ReadonlyMap<string, string>, id: string): ReadonlyMap<string, string> {
  return new Map([...map].filter(([key]) => key !== id));
}
