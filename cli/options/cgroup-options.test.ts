import { describe, expect, it } from 'vitest';
import { CgroupSettings } from '../../proto/generated/gantry/v1/types.ts';
import { collect, newCommand, runCommand } from '../command-line.ts';
import { type CgroupOptions, cgroupSettingsOf, declareCgroupOptions } from './cgroup-options.ts';

async function read(...argv: string[]): Promise<CgroupSettings | undefined> {
  const command = newCommand('run', 'test');
  declareCgroupOptions(command, (flags, text) => command.option(flags, text, collect, []));
  let settings: CgroupSettings | undefined;
  command.action((options: CgroupOptions) => {
    settings = cgroupSettingsOf(options);
  });
  await runCommand(command, argv);
  return settings;
}

describe('options of the cgroup', () => {
  it('are nothing when none is given', async () => {
    expect(await read()).toBeUndefined();
    expect(await read('--memory-swappiness', '-1', '--cpu-shares', '0')).toBeUndefined();
  });

  it.each<[string[], Partial<CgroupSettings>]>([
    [['-c', '512'], { cpuShares: 512 }],
    [['--cpu-period=50000', '--cpu-quota=25000'], { cpuPeriodUs: 50_000, cpuQuotaUs: 25_000 }],
    [['--cpu-quota', '-1'], { cpuQuotaUs: -1 }],
    [['--cpuset-cpus', '0-2,4', '--cpuset-mems', '0'], { cpusetCpus: '0-2,4', cpusetMems: '0' }],
    [['--memory-swap', '1g'], { memorySwapBytes: 2 ** 30 }],
    [['--memory-swap=-1'], { memorySwapBytes: -1 }],
    [['--memory-reservation', '64m'], { memoryReservationBytes: 2 ** 26 }],
    [['--memory-swappiness', '0'], { memorySwappiness: 0 }],
    [['--oom-kill-disable'], { oomKillDisable: true }],
    [['--oom-kill-disable=true'], { oomKillDisable: true }],
    [
      ['--blkio-weight', '300', '--blkio-weight-device', '/dev/sda:200'],
      { blkioWeight: 300, blkioWeightDevices: [{ path: '/dev/sda', weight: 200 }] },
    ],
    [
      ['--device-read-bps', '/dev/sda:1mb', '--device-read-bps', '/dev/sdb:10'],
      {
        deviceReadBps: [
          { path: '/dev/sda', rate: 2 ** 20 },
          { path: '/dev/sdb', rate: 10 },
        ],
      },
    ],
    [['--device-write-bps', '/dev/sda:2k'], { deviceWriteBps: [{ path: '/dev/sda', rate: 2048 }] }],
    [['--device-read-iops', '/dev/sda:100'], { deviceReadIops: [{ path: '/dev/sda', rate: 100 }] }],
    [['--device-write-iops', '/dev/sda:100'], { deviceWriteIops: [{ path: '/dev/sda', rate: 100 }] }],
    [['--device-cgroup-rule', 'c 10:* rwm'], { deviceRules: ['c 10:* rwm'] }],
  ])('are read: %j', async (argv, settings) => {
    expect(await read(...argv)).toEqual(CgroupSettings.create(settings));
  });

  it.each([
    ['--cpu-shares', '-5'],
    ['--cpu-period', '1.5'],
    ['--cpu-quota', '-2'],
    ['--memory-swap', '-2'],
    ['--memory-reservation', 'much'],
    ['--memory-swappiness', '101'],
    ['--blkio-weight', '5'],
    ['--blkio-weight-device', '/dev/sda'],
    ['--blkio-weight-device', '/dev/sda:5'],
    ['--device-read-bps', 'sda:1mb'],
    ['--device-read-bps', '/dev/sda:0'],
    ['--device-read-iops', '/dev/sda:1mb'],
    ['--device-cgroup-rule', 'x 1:1 r'],
  ])('are refused: %s %s', async (flag, value) => {
    await expect(read(`${flag}=${value}`)).rejects.toMatchObject({
      message: `invalid argument "${value}" for ${flag}`,
      exitCode: 125,
    });
  });

  it('refuse real-time scheduling, with what to do instead', async () => {
    await expect(read('--cpu-rt-runtime', '950000')).rejects.toThrow('--cpu-rt-runtime is not supported');
  });
});
