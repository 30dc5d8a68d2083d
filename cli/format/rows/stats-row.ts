/** What containers use, as `stats` shows it. */
import type { ContainerStats, ResourceUsage } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Fields } from '../../../proto/template/values.ts';
import type { Listing } from '../listing.ts';
import { binarySize, humanSize } from '../size.ts';
import { shortId } from '../table.ts';

export const STATS_LISTING: Listing = {
  headings: {
    Container: 'CONTAINER',
    ID: 'CONTAINER ID',
    Name: 'NAME',
    CPUPerc: 'CPU %',
    MemUsage: 'MEM USAGE / LIMIT',
    MemPerc: 'MEM %',
    NetIO: 'NET I/O',
    BlockIO: 'BLOCK I/O',
    PIDs: 'PIDS',
  },
  defaultTable: '{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}',
  quietField: 'ID',
};

/** `before`: an earlier reading; without one nothing can be said of the CPU. */
export function statsRow(
  { id, name, usage }: ContainerStats,
  before: ResourceUsage | undefined,
  truncate: boolean,
): Fields {
  const shown = truncate ? shortId(id) : id;
  const named = { Container: shown, ID: shown, Name: name };
  if (usage === undefined) {
    const pair = '-- / --';
    return { BlockIO: pair, ...named, CPUPerc: '--', MemPerc: '--', MemUsage: pair, NetIO: pair, PIDs: '--' };
  }
  return {
    BlockIO: `${humanSize(usage.readBytes)} / ${humanSize(usage.writtenBytes)}`,
    ...named,
    CPUPerc: percent(cpuShare(usage, before)),
    MemPerc: percent(usage.memoryLimitBytes === 0 ? 0 : usage.memoryBytes / usage.memoryLimitBytes),
    MemUsage: `${binarySize(usage.memoryBytes)} / ${binarySize(usage.memoryLimitBytes)}`,
    NetIO: `${humanSize(usage.receivedBytes)} / ${humanSize(usage.sentBytes)}`,
    PIDs: String(usage.pids),
  };
}

/** 1 for one processor that was busy all the time. */
function cpuShare(usage: ResourceUsage, before: ResourceUsage | undefined): number {
  const elapsedMs = usage.readAtMs - (before?.readAtMs ?? usage.readAtMs);
  // One that was started again meanwhile counts from 0.
  const seconds = Math.max(0, usage.cpuSeconds - (before?.cpuSeconds ?? 0));
  return elapsedMs > 0 ? (seconds * 1000) / elapsedMs : 0;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}
