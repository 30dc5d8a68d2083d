/** The options of `run` and `create` that its cgroup honours, beyond --memory, --cpus and --pids-limit. */
import type { Command } from 'commander';
import { cgroupSettings } from '../../proto/cgroup-settings.ts';
import { DEVICE_RULE_HINT, parseDeviceRule } from '../../proto/device-rule.ts';
import type { BlkioRate, BlkioWeight, CgroupSettings } from '../../proto/generated/gantry/v1/types.ts';
import { invalidFlag, refuse, wholeNumber } from '../command-line.ts';
import { parseBytes } from '../compose/syntax/quantities.ts';
import { byteSize } from './limits.ts';

export interface CgroupOptions {
  readonly cpuShares?: number;
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly memorySwap?: number;
  readonly memoryReservation?: number;
  readonly memorySwappiness?: number;
  readonly oomKillDisable?: boolean;
  readonly blkioWeight?: number;
  readonly blkioWeightDevice: readonly string[];
  readonly deviceReadBps: readonly string[];
  readonly deviceReadIops: readonly string[];
  readonly deviceWriteBps: readonly string[];
  readonly deviceWriteIops: readonly string[];
  readonly deviceCgroupRule: readonly string[];
}

/** Declares them; `list` declares one that may be given several times. */
export function declareCgroupOptions(command: Command, list: (flags: string, text: string) => Command): void {
  command
    .option('-c, --cpu-shares <weight>', 'weight among all that want the CPU', wholeNumber('--cpu-shares'))
    .option('--cpu-period <microseconds>', 'period of --cpu-quota', wholeNumber('--cpu-period'))
    .option('--cpu-quota <microseconds>', 'CPU time in each period; -1 for no limit', orMinusOne('--cpu-quota'))
    .option('--cpuset-cpus <cpus>', 'CPUs it may use: 0-2,4')
    .option('--cpuset-mems <nodes>', 'memory nodes it may use: 0,1')
    .option('--memory-swap <size>', 'limit of memory and swap together; -1 for no limit of swap', memorySwap)
    .option('--memory-reservation <size>', 'memory that is left to it', byteSize('--memory-reservation'))
    .option('--memory-swappiness <number>', 'readiness to swap it out, 0 to 100', memorySwappiness)
    .option('--oom-kill-disable', "don't kill it when it wants more memory than its limit")
    .option('--blkio-weight <weight>', 'weight among all that want a disk, 10 to 1000', blkioWeight);
  list('--blkio-weight-device <device:weight>', 'the same for one disk');
  list('--device-read-bps <device:rate>', 'limit of bytes per second read from a disk: /dev/sda:10mb');
  list('--device-read-iops <device:rate>', 'limit of reads per second from a disk: /dev/sda:1000');
  list('--device-write-bps <device:rate>', 'limit of bytes per second written to a disk');
  list('--device-write-iops <device:rate>', 'limit of writes per second to a disk');
  list('--device-cgroup-rule <rule>', 'allow use of devices that need not be there yet: "c 10:229 rwm"');
  const realTime = 'allow a real-time policy instead: --cap-add SYS_NICE --ulimit rtprio=50';
  refuse(command, '--cpu-rt-period <microseconds>', realTime);
  refuse(command, '--cpu-rt-runtime <microseconds>', realTime);
}

/** Undefined when none is given. Throws CliError. */
export function cgroupSettingsOf(options: CgroupOptions): CgroupSettings | undefined {
  return cgroupSettings({
    cpuShares: options.cpuShares ?? 0,
    cpuPeriodUs: options.cpuPeriod ?? 0,
    cpuQuotaUs: options.cpuQuota ?? 0,
    cpusetCpus: options.cpusetCpus ?? '',
    cpusetMems: options.cpusetMems ?? '',
    memorySwapBytes: options.memorySwap ?? 0,
    memoryReservationBytes: options.memoryReservation ?? 0,
    memorySwappiness: options.memorySwappiness === NO_SWAPPINESS ? undefined : options.memorySwappiness,
    oomKillDisable: options.oomKillDisable ?? false,
    blkioWeight: options.blkioWeight ?? 0,
    blkioWeightDevices: options.blkioWeightDevice.flatMap(parseWeightDevice),
    deviceReadBps: options.deviceReadBps.map((text) => parseRate('--device-read-bps', text, parseBytes)),
    deviceWriteBps: options.deviceWriteBps.map((text) => parseRate('--device-write-bps', text, parseBytes)),
    deviceReadIops: options.deviceReadIops.map((text) => parseRate('--device-read-iops', text, parseCount)),
    deviceWriteIops: options.deviceWriteIops.map((text) => parseRate('--device-write-iops', text, parseCount)),
    deviceRules: options.deviceCgroupRule.map(checkRule),
  });
}

function orMinusOne(flag: string): (text: string) => number {
  return (text) => (text === '-1' ? -1 : wholeNumber(flag)(text));
}

function memorySwap(text: string): number {
  return text === '-1' ? -1 : byteSize('--memory-swap')(text);
}

const NO_SWAPPINESS = -1;

/** -1 is Docker's way to say nothing. */
function memorySwappiness(text: string): number {
  if (text === '-1') return NO_SWAPPINESS;
  const value = wholeNumber('--memory-swappiness')(text);
  if (value > 100) throw invalidFlag('--memory-swappiness', text, 'write a number from 0 to 100');
  return value;
}

function blkioWeight(text: string): number {
  const weight = wholeNumber('--blkio-weight')(text);
  if (isWeight(weight)) return weight;
  throw invalidFlag('--blkio-weight', text, 'write a number from 10 to 1000, or 0 for none');
}

function isWeight(value: number): boolean {
  return value === 0 || (value >= 10 && value <= 1000);
}

/** /dev/DISK:WEIGHT; a weight of 0 says nothing. */
function parseWeightDevice(text: string): BlkioWeight[] {
  const [path, value] = splitDevice('--blkio-weight-device', text, '/dev/DISK:WEIGHT');
  const weight = parseCount(value);
  if (weight === undefined || !isWeight(weight)) {
    throw invalidFlag('--blkio-weight-device', text, 'write a weight from 10 to 1000, such as /dev/sda:200');
  }
  return weight === 0 ? [] : [{ path, weight }];
}

function parseRate(flag: string, text: string, parse: (value: string) => number | undefined): BlkioRate {
  const [path, value] = splitDevice(flag, text, '/dev/DISK:RATE');
  const rate = parse(value);
  if (rate !== undefined && rate > 0) return { path, rate };
  const unit = parse === parseBytes ? ', with kb, mb or gb if wanted' : '';
  throw invalidFlag(flag, text, `write /dev/DISK:RATE; the rate is a positive whole number${unit}`);
}

function splitDevice(flag: string, text: string, form: string): [path: string, value: string] {
  const colon = text.lastIndexOf(':');
  const path = text.slice(0, Math.max(colon, 0));
  if (!path.startsWith('/dev/')) throw invalidFlag(flag, text, `write ${form}`);
  return [path, text.slice(colon + 1)];
}

function parseCount(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function checkRule(text: string): string {
  if (parseDeviceRule(text) !== undefined) return text;
  throw invalidFlag('--device-cgroup-rule', text, DEVICE_RULE_HINT);
}
