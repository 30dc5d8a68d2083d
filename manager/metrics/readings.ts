/** What is read of a manager at each scrape. */
import { NodeAvailability, NodeState } from '../../proto/generated/gantry/v1/types.ts';
import { numberReading, type Reading, type Sample, StateCounts } from '../../proto/metrics/reading.ts';
import type { Leadership, LogFigures } from '../replication/replicated-log.ts';
import { OBJECT_KINDS } from '../store/objects.ts';
import type { ManagerPhase, ServingParts } from './phase.ts';
import { countTasks } from './task-counts.ts';

type Serving = <Value>(read: (parts: ServingParts) => Value) => Value | undefined;

const ON_LEADER = 'Only where this manager leads.';

/** `phase`: as it is now. What can't be known in it has no value. */
export function managerReadings(phase: () => ManagerPhase): Reading[] {
  const serving: Serving = (read) => {
    const current = phase();
    return current.kind === 'serving' ? read(current) : undefined;
  };
  return [...logReadings(serving), ...stateReadings(serving), ...leaderReadings(serving)];
}

function logReadings(serving: Serving): Reading[] {
  const leadership = (read: (leadership: Leadership) => number) => () => serving(({ log }) => read(log.leadership()));
  const figure = (read: (figures: LogFigures) => number | undefined) => () => serving(({ log }) => read(log.figures()));
  const number = (name: string, help: string, read: () => number | undefined) =>
    numberReading(`gantry_manager_${name}`, help, read);
  return [
    number(
      'raft_term',
      'Term of leadership.',
      leadership(({ term }) => term),
    ),
    number(
      'raft_is_leader',
      '1 where this manager leads, else 0.',
      leadership(({ isLeader }) => Number(isLeader)),
    ),
    number(
      'raft_has_leader',
      '1 while a leader is known, else 0.',
      leadership(({ leaderId }) => Number(leaderId !== undefined)),
    ),
    number(
      'raft_commit_index',
      'Index of the last entry that is known to be committed.',
      figure((all) => all.commitIndex),
    ),
    number('raft_applied_index', 'Index of the last entry that is in the store.', () =>
      serving(({ log }) => log.appliedIndex),
    ),
    number(
      'raft_log_entries',
      'Entries since the last snapshot.',
      figure((all) => all.entries),
    ),
    number(
      'raft_log_bytes',
      'Bytes of the entries since the last snapshot.',
      figure((all) => all.bytes),
    ),
    number(
      'raft_proposals_pending',
      'Changes that wait to be committed.',
      figure((all) => all.proposalsPending),
    ),
    { ...memberReading, read: () => serving(members) ?? [] },
  ];
}

const memberReading = {
  name: 'gantry_manager_raft_members',
  help: 'Managers of the cluster, as this one sees them.',
  labels: ['voter', 'reachable'],
};

function members({ log }: ServingParts): Sample[] {
  const counts = new Map<string, Sample>();
  for (const { voter, reachable } of log.members()) {
    const labels = { voter: String(voter), reachable: String(reachable) };
    const key = `${voter} ${reachable}`;
    counts.set(key, { labels, value: (counts.get(key)?.value ?? 0) + 1 });
  }
  return [...counts.values()];
}

function stateReadings(serving: Serving): Reading[] {
  const objects = ({ store }: ServingParts): Sample[] =>
    store.view((read) => OBJECT_KINDS.map((kind) => ({ labels: { kind }, value: read.total(kind) })));
  return [
    {
      name: 'gantry_manager_store_objects',
      help: 'Objects in the store.',
      labels: ['kind'],
      read: () => serving(objects) ?? [],
    },
  ];
}

function leaderReadings(serving: Serving): Reading[] {
  const leading: Serving = (read) =>
    serving((parts) => (parts.log.leadership().isLeader ? read(parts) : undefined)) as ReturnType<typeof read>;
  const nodes = (label: 'state' | 'availability') => () =>
    leading(({ store }) => countNodes(store, label).samples(label)) ?? [];
  const tasks = async () => {
    const all = leading(({ store }) => store.view((read) => read.find('task', { by: 'all' })));
    return all === undefined ? [] : (await countTasks(all)).samples('state');
  };
  const help = (text: string) => `${text} ${ON_LEADER}`;
  return [
    { name: 'gantry_manager_tasks', help: help('Tasks by observed state.'), labels: ['state'], read: tasks },
    { name: 'gantry_manager_nodes', help: help('Nodes by state.'), labels: ['state'], read: nodes('state') },
    {
      name: 'gantry_manager_nodes_availability',
      help: help('Nodes by availability.'),
      labels: ['availability'],
      read: nodes('availability'),
    },
    numberReading('gantry_manager_dispatcher_sessions', help('Agents with a session.'), () =>
      leading((parts) => parts.sessions()),
    ),
  ];
}

function countNodes(store: ServingParts['store'], by: 'state' | 'availability'): StateCounts {
  const counts = new StateCounts(by === 'state' ? NodeState : NodeAvailability);
  for (const { status, spec } of store.view((read) => read.find('node', { by: 'all' }))) {
    counts.add(by === 'state' ? status.state : spec.availability);
  }
  return counts;
}
