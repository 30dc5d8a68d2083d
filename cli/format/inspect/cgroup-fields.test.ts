import { describe, expect, it } from 'vitest';
import { CgroupSettings } from '../../../proto/generated/gantry/v1/types.ts';
import { cgroupFields, cgroupLines, givenCgroupFields } from './cgroup-fields.ts';

const GIVEN = CgroupSettings.create({
  cpuShares: 512,
  memorySwappiness: 0,
  blkioWeightDevices: [{ path: '/dev/sda', weight: 200 }],
  deviceReadBps: [{ path: '/dev/sda', rate: 1024 }],
  deviceRules: ['c 10:229 rwm', 'b 8:* r'],
});

describe('cgroup settings', () => {
  it('have Docker’s names and defaults', () => {
    expect(cgroupFields(undefined, 1024)).toMatchObject({
      CpuShares: 0,
      CpusetCpus: '',
      MemorySwap: 2048,
      MemorySwappiness: null,
      OomKillDisable: false,
      BlkioDeviceReadBps: [],
    });
    expect(cgroupFields(GIVEN, 0)).toMatchObject({
      CpuShares: 512,
      MemorySwap: 0,
      MemorySwappiness: 0,
      BlkioWeightDevice: [{ Path: '/dev/sda', Weight: 200 }],
      BlkioDeviceReadBps: [{ Path: '/dev/sda', Rate: 1024 }],
    });
  });

  it('are shown of a service where they say something', () => {
    expect(givenCgroupFields(undefined)).toEqual({});
    expect(Object.keys(givenCgroupFields(GIVEN))).toEqual([
      'CpuShares',
      'MemorySwappiness',
      'BlkioWeightDevice',
      'BlkioDeviceReadBps',
      'DeviceCgroupRules',
    ]);
    expect(cgroupLines(GIVEN)).toEqual([
      ' CpuShares:\t512',
      ' MemorySwappiness:\t0',
      ' BlkioWeightDevice:\t/dev/sda:200',
      ' BlkioDeviceReadBps:\t/dev/sda:1024',
      ' DeviceCgroupRules:\tc 10:229 rwm, b 8:* r',
    ]);
  });
});
