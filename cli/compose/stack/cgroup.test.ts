import { describe, expect, it } from 'vitest';
import { CgroupSettings, type ContainerSpec } from '../../../proto/generated/gantry/v1/types.ts';
import { loadWeb, refusals, webText } from './load.testing.ts';

const MIB = 2 ** 20;
const limits = (text: string) => `deploy: {resources: {limits: {${text}}}}`;

describe('keys of the cgroup', () => {
  it('are nothing when none is there', () => {
    expect(loadWeb('tty: true').container.cgroup).toBeUndefined();
    expect(loadWeb('cpu_shares: 0').container.cgroup).toBeUndefined();
  });

  it.each<[string, Partial<CgroupSettings>]>([
    ['cpu_shares: 512', { cpuShares: 512 }],
    ['cpu_period: 50000\ncpu_quota: 25000', { cpuPeriodUs: 50_000, cpuQuotaUs: 25_000 }],
    ['cpu_quota: -1', { cpuQuotaUs: -1 }],
    ['cpuset: "0-2,4"', { cpusetCpus: '0-2,4' }],
    [`memswap_limit: 96m\n${limits('memory: 64m')}`, { memorySwapBytes: 96 * MIB }],
    ['mem_limit: 64m\nmemswap_limit: 96m', { memorySwapBytes: 96 * MIB }],
    ['memswap_limit: -1', { memorySwapBytes: -1 }],
    ['mem_swappiness: 60', { memorySwappiness: 60 }],
    ['oom_kill_disable: true', { oomKillDisable: true }],
    [
      'blkio_config:\n  weight: 300\n  weight_device: [{path: /dev/sda, weight: 400}]',
      { blkioWeight: 300, blkioWeightDevices: [{ path: '/dev/sda', weight: 400 }] },
    ],
    [
      `blkio_config:
  device_read_bps: [{path: /dev/sda, rate: 12mb}]
  device_read_iops: [{path: /dev/sda, rate: 120}]
  device_write_bps: [{path: /dev/sdb, rate: 1024k}]
  device_write_iops: [{path: /dev/sdb, rate: 30}]`,
      {
        deviceReadBps: [{ path: '/dev/sda', rate: 12 * MIB }],
        deviceReadIops: [{ path: '/dev/sda', rate: 120 }],
        deviceWriteBps: [{ path: '/dev/sdb', rate: MIB }],
        deviceWriteIops: [{ path: '/dev/sdb', rate: 30 }],
      },
    ],
    ['device_cgroup_rules: ["c 1:3 mr", "a *:* rwm"]', { deviceRules: ['c 1:3 mr', 'a *:* rwm'] }],
  ])('%s', (lines, settings) => {
    expect(loadWeb(lines).container.cgroup).toEqual(CgroupSettings.create(settings));
  });

  it.each<[string, Partial<ContainerSpec>]>([
    ['cgroup: host', { cgroupnsMode: 'host' }],
    ['cgroup: private', { cgroupnsMode: '' }],
    ['cgroup_parent: m-executor-abcd', { cgroupParent: 'm-executor-abcd' }],
    ['annotations: {com.example.foo: bar}', { ociAnnotations: { 'com.example.foo': 'bar' } }],
    ['annotations: [com.example.foo=bar]', { ociAnnotations: { 'com.example.foo': 'bar' } }],
    ['runtime: runc', {}],
    ['userns_mode: host', {}],
  ])('%s', (lines, expected) => {
    expect(loadWeb(lines).container).toMatchObject(expected);
  });

  it.each([
    ['cpu_period: 10', 'stack.yml:4:17: services.web.cpu_period: "10" is not a whole number from 1000 to 1000000'],
    ['cpu_quota: -5', 'services.web.cpu_quota: "-5" is not a whole number from 1000'],
    [`cpu_quota: 5000\n${limits('cpus: 1')}`, 'services.web.cpu_quota: does not go with a limit of CPUs; remove one'],
    ['cpu_rt_runtime: 400000', 'services.web.cpu_rt_runtime: not supported yet; allow a real-time policy instead'],
    ['cpuset: all', '"all" is not a list of CPUs'],
    ['memswap_limit: 64m', 'services.web.memswap_limit: needs a limit of memory beside it; add mem_limit'],
    [`memswap_limit: 32m\n${limits('memory: 64m')}`, 'services.web.memswap_limit: is less than the limit of memory'],
    ['mem_swappiness: 101', '"101" is not a whole number from 0 to 100'],
    ['blkio_config: {weight: 5}', 'services.web.blkio_config.weight: "5" is not a whole number from 10 to 1000'],
    ['blkio_config: {device_read_bps: [{path: sda, rate: 1mb}]}', '"sda" is not the path of a disk'],
    ['device_cgroup_rules: ["x 1:3 mr"]', 'services.web.device_cgroup_rules[0]: "x 1:3 mr" is not a rule'],
    [
      'cgroup_parent: /system.slice',
      'services.web.cgroup_parent: the cgroup parent "/system.slice" is not one of gantry\'s',
    ],
    ['runtime: kata', 'services.web.runtime: there is no runtime "kata"'],
    ['userns_mode: private', 'services.web.userns_mode: "private" is not supported'],
  ])('%s is refused', (lines, message) => {
    expect(refusals(webText(lines)).join('\n')).toContain(message);
  });
});
