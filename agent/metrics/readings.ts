/** What is read of gantryd at each scrape. */
import { ContainerStatus } from '../../proto/generated/gantry/v1/engine.ts';
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { numberReading, type Reading, StateCounts } from '../../proto/metrics/reading.ts';
import type { ObservedAgent } from './observed-agent.ts';

export function agentReadings({ containers, networks, volumes, cluster, isOpen }: ObservedAgent): Reading[] {
  const all = async () => (isOpen() ? await containers.list({ all: true, filters: [] }) : []);
  const states = (names: Readonly<Record<string, number>>, found: readonly number[]) => {
    const counts = new StateCounts(names);
    for (const state of found) counts.add(state);
    return counts.samples('state');
  };
  return [
    {
      name: 'gantry_agent_containers',
      help: 'Containers of this host by state.',
      labels: ['state'],
      read: async () =>
        states(
          ContainerStatus,
          (await all()).map(({ state }) => state?.status ?? ContainerStatus.CREATED),
        ),
    },
    {
      name: 'gantry_agent_tasks',
      help: 'Tasks assigned to this node by state. None where it is in no cluster.',
      labels: ['state'],
      read: () => {
        const updates = cluster.member?.taskStatuses();
        return updates === undefined
          ? []
          : states(
              TaskState,
              updates.map(({ status }) => status?.state ?? TaskState.NEW),
            );
      },
    },
    numberReading(
      'gantry_agent_session_connected',
      '1 while a manager has taken this node in, else 0. None where it is in no cluster.',
      () => {
        const state = cluster.member?.sessionState;
        return state === undefined ? undefined : Number(state.connected);
      },
    ),
    countReading('gantry_agent_networks', 'Networks of this host.', () => networks.list()),
    countReading('gantry_agent_volumes', 'Volumes of this host.', () => volumes.list([])),
  ];
}

function countReading(name: string, help: string, list: () => Promise<readonly unknown[]>): Reading {
  return { name, help, labels: [], read: async () => [{ labels: {}, value: (await list()).length }] };
}
