import { describe, expect, it } from 'vitest';
import { ContainerStats } from '../../../proto/generated/gantry/v1/engine.ts';
import { statsRow } from './stats-row.ts';

const STATS = ContainerStats.fromPartial({
  id: '0123456789abcdef',
  name: 'web',
  usage: {
    readAtMs: 3000,
    cpuSeconds: 5.5,
    memoryBytes: 64 * 1024 * 1024,
    memoryLimitBytes: 1024 * 1024 * 1024,
    pids: 3,
    receivedBytes: 1200,
    sentBytes: 0,
    readBytes: 4096,
    writtenBytes: 1_000_000,
  },
});

describe('what a container uses', () => {
  it('is shown as Docker shows it', () => {
    const before = ContainerStats.fromPartial({ usage: { readAtMs: 1000, cpuSeconds: 2.5 } }).usage;
    expect(statsRow(STATS, before, true)).toEqual({
      BlockIO: '4.1kB / 1MB',
      Container: '0123456789ab',
      CPUPerc: '150.00%',
      ID: '0123456789ab',
      MemPerc: '6.25%',
      MemUsage: '64MiB / 1GiB',
      Name: 'web',
      NetIO: '1.2kB / 0B',
      PIDs: '3',
    });
  });

  it('is nothing where it does not run, and no share of a processor where it was not read before', () => {
    expect(statsRow({ ...STATS, usage: undefined }, undefined, false)).toMatchObject({
      CPUPerc: '--',
      ID: '0123456789abcdef',
      MemUsage: '-- / --',
    });
    expect(statsRow(STATS, undefined, true).CPUPerc).toBe('0.00%');
  });
});
