/** What containers use at this moment, as the API tells it. */
import { totalmem } from 'node:os';
import type {
  Container,
  ContainerStats,
  ContainerStatsRequest,
  ResourceUsage,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { Containers } from '../container/containers.ts';
import type { Usage } from '../usage/usage.ts';
import { UsageReader } from '../usage/usage-reader.ts';

export class StatsReader {
  readonly #containers: Containers;
  readonly #reader = new UsageReader();

  constructor(containers: Containers) {
    this.#containers = containers;
  }

  /** In the order of the references, otherwise the newest first. Those that aren't there are left out. */
  async of({ references, all }: ContainerStatsRequest): Promise<ContainerStats[]> {
    const listed = await this.#containers.list({ all: all || references.length > 0, filters: [] });
    const wanted = references.length === 0 ? listed : references.flatMap((one) => named(listed, one) ?? []);
    const usages = new Map<string, ResourceUsage>();
    for (const { container, usage } of await this.#reader.read(wanted)) {
      usages.set(container.id, resourceUsage(usage, performance.now()));
    }
    return wanted.map(({ id, name, taskId }) => ({ id, name, taskId, usage: usages.get(id) }));
  }
}

function named(containers: readonly Container[], reference: string): Container | undefined {
  return containers.find(({ id, name }) => id === reference || name === reference);
}

function resourceUsage({ cpu, memory, blockIo, tasks, interfaces }: Usage, readAtMs: number): ResourceUsage {
  return {
    readAtMs,
    cpuSeconds: cpu?.totalSeconds ?? 0,
    memoryBytes: memory?.workingSetBytes ?? 0,
    memoryLimitBytes: memory?.limitBytes || totalmem(),
    pids: tasks?.current ?? 0,
    receivedBytes: interfaces.reduce((sum, { received }) => sum + received, 0),
    sentBytes: interfaces.reduce((sum, { sent }) => sum + sent, 0),
    readBytes: blockIo?.read ?? 0,
    writtenBytes: blockIo?.written ?? 0,
  };
}
