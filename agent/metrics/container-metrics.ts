/** What each running container uses, by the names that cAdvisor has given these values: dashboards and alerts know them. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Container } from '../../proto/generated/gantry/v1/engine.ts';
import type { CpuUsage, MemoryUsage } from '../usage/usage.ts';
import type { ContainerUsage } from '../usage/usage-reader.ts';
import { type Family, type FamilySample, renderFamily, renderLabels } from './exposition.ts';

type UsageFamily = Family<ContainerUsage>;

const FAMILIES: readonly UsageFamily[] = [
  {
    ...counter('container_cpu_usage_seconds_total', 'CPU time used.'),
    samples: ({ usage: { cpu } }) => (cpu === undefined ? [] : [{ labels: { cpu: 'total' }, value: cpu.totalSeconds }]),
  },
  cpu('container_cpu_user_seconds_total', 'CPU time used in user mode.', (cpu) => cpu.userSeconds),
  cpu('container_cpu_system_seconds_total', 'CPU time used in the kernel.', (cpu) => cpu.systemSeconds),
  cpu('container_cpu_cfs_periods_total', 'Periods in which a CPU limit was enforced.', (cpu) => cpu.periods),
  cpu('container_cpu_cfs_throttled_periods_total', 'Periods that were throttled.', (cpu) => cpu.throttledPeriods),
  cpu('container_cpu_cfs_throttled_seconds_total', 'Time spent throttled.', (cpu) => cpu.throttledSeconds),
  memory('container_memory_usage_bytes', 'Memory used, page cache included.', (memory) => memory.usedBytes),
  memory(
    'container_memory_working_set_bytes',
    'Memory used, without page cache that was not used lately.',
    (memory) => memory.workingSetBytes,
  ),
  memory('container_memory_rss', 'Anonymous memory, in bytes.', (memory) => memory.anonymousBytes),
  memory('container_memory_cache', 'Page cache, in bytes.', (memory) => memory.cacheBytes),
  memory('container_spec_memory_limit_bytes', 'Memory limit; 0 for none.', (memory) => memory.limitBytes),
  {
    ...counter('container_oom_events_total', 'Processes killed since the container started, as its memory ran out.'),
    samples: ({ usage: { memory } }) => one(memory?.oomKills),
  },
  network('container_network_receive_bytes_total', 'Bytes received.', 'received'),
  network('container_network_transmit_bytes_total', 'Bytes sent.', 'sent'),
  {
    ...counter('container_fs_reads_bytes_total', 'Bytes read from block devices.'),
    samples: ({ usage: { blockIo } }) => one(blockIo?.read),
  },
  {
    ...counter('container_fs_writes_bytes_total', 'Bytes written to block devices.'),
    samples: ({ usage: { blockIo } }) => one(blockIo?.written),
  },
  {
    ...gauge('container_threads', 'Processes and their threads.'),
    samples: ({ usage: { tasks } }) => one(tasks?.current),
  },
  {
    ...gauge('container_threads_max', 'How many processes and threads there may be; 0 for no limit.'),
    samples: ({ usage: { tasks } }) => one(tasks?.limit),
  },
  {
    ...gauge('container_start_time_seconds', 'When it started, since the epoch.'),
    samples: ({ container: { state } }) => one((state?.startedAtMs ?? 0) / 1000),
  },
  {
    ...counter('gantry_agent_container_restarts_total', 'How often this node has started it again.'),
    samples: ({ container: { state } }) => one(state?.restartCount),
  },
];

const SERVICE_LABEL = 'com.docker.swarm.service.name';
const STACK_LABEL = 'com.docker.stack.namespace';

/** Labels that are few and bounded: what else a container is labelled with could be anything. */
function labelsOf({ id, name, config, taskId }: Container): Record<string, string> {
  const labels: Readonly<Record<string, string | undefined>> = config?.spec?.labels ?? {};
  return {
    id: `/gantry/${id}`,
    name,
    image: config?.spec?.image ?? '',
    container_label_com_docker_swarm_service_name: labels[SERVICE_LABEL] ?? '',
    container_label_com_docker_swarm_task_id: taskId,
    container_label_com_docker_stack_namespace: labels[STACK_LABEL] ?? '',
  };
}

/** In Prometheus' text format. */
export async function renderUsage(containers: readonly ContainerUsage[]): Promise<string> {
  const subjects = containers.map((subject) => ({ labels: renderLabels(labelsOf(subject.container)), subject }));
  let text = '';
  for (const family of FAMILIES) {
    text += renderFamily(family, subjects);
    await nextTurn();
  }
  return text;
}

function counter(name: string, help: string): Pick<UsageFamily, 'name' | 'help' | 'type'> {
  return { name, help, type: 'counter' };
}

function gauge(name: string, help: string): Pick<UsageFamily, 'name' | 'help' | 'type'> {
  return { name, help, type: 'gauge' };
}

function cpu(name: string, help: string, value: (cpu: CpuUsage) => number): UsageFamily {
  return { ...counter(name, help), samples: ({ usage }) => (usage.cpu === undefined ? [] : one(value(usage.cpu))) };
}

function memory(name: string, help: string, value: (memory: MemoryUsage) => number): UsageFamily {
  return { ...gauge(name, help), samples: ({ usage }) => (usage.memory === undefined ? [] : one(value(usage.memory))) };
}

function network(name: string, help: string, key: 'received' | 'sent'): UsageFamily {
  return {
    ...counter(name, help),
    samples: ({ usage }) =>
      usage.interfaces.map((device): FamilySample => ({ labels: { interface: device.name }, value: device[key] })),
  };
}

function one(value: number | undefined): FamilySample[] {
  return value === undefined ? [] : [{ value }];
}
