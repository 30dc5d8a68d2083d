import { describe, expect, it } from 'vitest';
import { CgroupSettings, ResourceAmounts } from '../../../proto/generated/gantry/v1/types.ts';
import { blockDevicePaths } from './block-io.ts';
import type { OciResources } from './oci.ts';
import { buildResources } from './resources.ts';

const DISKS = new Map([
  ['/dev/sda', { major: 8, minor: 0 }],
  ['/dev/nvme0n1', { major: 259, minor: 1 }],
]);

function build(asked: Partial<CgroupSettings>, limits: Partial<ResourceAmounts> = {}, swapLimit = true): OciResources {
  return buildResources({
    limits: ResourceAmounts.create(limits),
    settings: CgroupSettings.create(asked),
    blockDevices: DISKS,
    devices: [],
    privileged: false,
    swapLimit,
  });
}

describe('resources', () => {
  it('hold nothing but devices when nothing is asked for', () => {
    expect(Object.keys(build({}))).toEqual(['devices']);
  });

  it('share the CPU', () => {
    const asked = { cpuShares: 512, cpuPeriodUs: 50_000, cpuQuotaUs: 25_000, cpusetCpus: '0,2', cpusetMems: '0' };
    expect(build(asked).cpu).toEqual({ shares: 512, period: 50_000, quota: 25_000, cpus: '0,2', mems: '0' });
    expect(build({ cpuShares: 2 }, { nanoCpus: 5e8 }).cpu).toEqual({ shares: 2, quota: 50_000, period: 100_000 });
    expect(build({ cpuQuotaUs: -1 }).cpu).toEqual({ quota: -1 });
  });

  it('bound memory, and swap with it', () => {
    const limits = { memoryBytes: 64 };
    expect(build({}, limits).memory).toEqual({ limit: 64, swap: 128 });
    expect(build({ memorySwapBytes: 64 }, limits).memory).toEqual({ limit: 64, swap: 64 });
    expect(build({ memorySwapBytes: -1 }, limits).memory).toEqual({ limit: 64, swap: -1 });
    expect(build({ memorySwapBytes: -1 }, limits, false).memory).toEqual({ limit: 64 });
    expect(build({ memoryReservationBytes: 32, memorySwappiness: 0, oomKillDisable: true }).memory).toEqual({
      reservation: 32,
      swappiness: 0,
      disableOOMKiller: true,
    });
  });

  it('share disks, which are named by their numbers', () => {
    const asked = {
      blkioWeight: 300,
      blkioWeightDevices: [{ path: '/dev/sda', weight: 500 }],
      deviceReadBps: [{ path: '/dev/sda', rate: 1024 }],
      deviceWriteIops: [{ path: '/dev/nvme0n1', rate: 10 }],
    };
    expect(build(asked).blockIO).toEqual({
      weight: 300,
      weightDevice: [{ major: 8, minor: 0, weight: 500 }],
      throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1024 }],
      throttleWriteIOPSDevice: [{ major: 259, minor: 1, rate: 10 }],
    });
    expect(blockDevicePaths(CgroupSettings.create(asked))).toEqual(['/dev/sda', '/dev/sda', '/dev/nvme0n1']);
  });

  it('allow further devices', () => {
    const { devices } = build({ deviceRules: ['c 10:229 rw', 'b 8:* r', 'a *:* rwm'] });
    expect(devices.slice(-3)).toEqual([
      { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' },
      { allow: true, type: 'b', major: 8, access: 'r' },
      { allow: true, access: 'rwm' },
    ]);
  });
});
