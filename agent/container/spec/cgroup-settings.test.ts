import { describe, expect, it } from 'vitest';
import { CgroupSettings } from '../../../proto/generated/gantry/v1/types.ts';
import { validateCgroupSettings } from './cgroup-settings.ts';

const V1 = { cpuList: '0-3', memoryNodeList: '0', cgroupVersion: 1, swapLimit: true } as const;
const V2 = { ...V1, cgroupVersion: 2 } as const;
const NONE = { nanoCpus: 0, memoryBytes: 0 };
const MIB = 2 ** 20;
const memory = (mebibytes: number) => ({ ...NONE, memoryBytes: mebibytes * MIB });

type Asked = Partial<CgroupSettings>;

function validate(asked: Asked, limits = NONE, host: typeof V1 | typeof V2 | { swapLimit: boolean } = V1): void {
  validateCgroupSettings(CgroupSettings.create(asked), limits, { ...V1, ...host });
}

describe('cgroup settings', () => {
  it.each<[Asked, typeof NONE]>([
    [{ cpuShares: 512, cpusetCpus: '0-1,3', cpusetMems: '0' }, NONE],
    [{ cpuPeriodUs: 1000, cpuQuotaUs: 1_000_000 }, NONE],
    [{ cpuQuotaUs: -1 }, NONE],
    [
      { cpuShares: 2, cpusetCpus: '2' },
      { ...NONE, nanoCpus: 1e9 },
    ],
    [{ memorySwapBytes: 64 * MIB, memoryReservationBytes: 64 * MIB }, memory(64)],
    [{ memorySwapBytes: -1 }, NONE],
    [{ memoryReservationBytes: 6 * MIB, memorySwappiness: 0, oomKillDisable: true }, NONE],
    [{ blkioWeight: 10, blkioWeightDevices: [{ path: '/dev/sda', weight: 1000 }] }, NONE],
    [{ deviceReadBps: [{ path: '/dev/sda', rate: 1 }], deviceRules: ['c *:* rwm'] }, NONE],
  ])('are taken: %j', (asked, limits) => {
    expect(() => validate(asked, limits)).not.toThrow();
  });

  it.each<[Asked, typeof NONE, string]>([
    [{ cpuShares: -1 }, NONE, 'invalid CPU shares (-1)'],
    [{ cpuPeriodUs: 1000 }, { ...NONE, nanoCpus: 1 }, 'Nano CPUs and CPU Period cannot both be set'],
    [{ cpuQuotaUs: 1000 }, { ...NONE, nanoCpus: 1 }, 'Nano CPUs and CPU Quota cannot both be set'],
    [{ cpuPeriodUs: 999 }, NONE, 'CPU cfs period can not be less than 1ms'],
    [{ cpuPeriodUs: 1_000_001 }, NONE, 'or larger than 1s'],
    [{ cpuQuotaUs: 999 }, NONE, 'CPU cfs quota can not be less than 1ms'],
    [{ cpuQuotaUs: -2 }, NONE, 'CPU cfs quota can not be less than 1ms'],
    [{ cpusetCpus: 'all' }, NONE, 'invalid value all for cpuset cpus'],
    [{ cpusetCpus: '0-4' }, NONE, 'requested CPUs are not available - requested 0-4, available: 0-3'],
    [{ cpusetMems: '1' }, NONE, 'requested memory nodes are not available - requested 1, available: 0'],
    [{ memorySwapBytes: 64 * MIB }, NONE, 'always set the memory limit'],
    [{ memorySwapBytes: 32 * MIB }, memory(64), 'should be larger than the memory limit'],
    [{ memoryReservationBytes: MIB }, NONE, 'minimum memory reservation allowed is 6MB'],
    [{ memoryReservationBytes: 65 * MIB }, memory(64), 'can not be less than the memory reservation'],
    [{ memorySwappiness: 101 }, NONE, 'valid memory swappiness range is 0-100'],
    [{ blkioWeight: 9 }, NONE, 'range of blkio weight is from 10 to 1000, not 9'],
    [{ blkioWeightDevices: [{ path: '/dev/sda', weight: 0 }] }, NONE, 'not 0'],
    [{ deviceWriteIops: [{ path: '/dev/sda', rate: 0 }] }, NONE, 'invalid rate for device /dev/sda: 0'],
    [{ deviceRules: ['a 1:3 r'] }, NONE, 'invalid device cgroup rule "a 1:3 r"'],
  ])('are refused: %j', (asked, limits, message) => {
    expect(() => validate(asked, limits)).toThrow(message);
  });

  it('are refused where the kernel has them no more, or not', () => {
    expect(() => validate({ memorySwappiness: 0 }, NONE, V2)).toThrow('not supported with cgroup version 2');
    expect(() => validate({ oomKillDisable: true }, NONE, V2)).toThrow("can't be disabled with cgroup version 2");
    const noSwap = { swapLimit: false };
    expect(() => validate({ memorySwapBytes: 64 * MIB }, memory(32), noSwap)).toThrow("kernel can't limit swap");
    expect(() => validate({ memorySwapBytes: -1 }, memory(32), noSwap)).not.toThrow();
  });
});
