/** Whether a container can have what is asked of its cgroup, on this host and beside its limits. Pure. */
import { DEVICE_RULE_HINT, parseDeviceRule } from '../../../proto/device-rule.ts';
import { GantryError } from '../../../proto/errors.ts';
import type { CgroupSettings, ResourceAmounts } from '../../../proto/generated/gantry/v1/types.ts';
import type { HostFacts } from './host-facts.ts';
import { parseNumberList } from './number-list.ts';
import { MINIMUM_MEMORY_BYTES } from './resources.ts';

type CgroupHost = Pick<HostFacts, 'cpuList' | 'memoryNodeList' | 'cgroupVersion' | 'swapLimit'>;
type Limits = Pick<ResourceAmounts, 'nanoCpus' | 'memoryBytes'>;

/** Throws INVALID_ARGUMENT, UNSUPPORTED. */
export function validateCgroupSettings(settings: CgroupSettings, limits: Limits, host: CgroupHost): void {
  validateCpu(settings, limits);
  validateNumberList('CPUs', 'cpuset cpus', settings.cpusetCpus, host.cpuList);
  validateNumberList('memory nodes', 'cpuset mems', settings.cpusetMems, host.memoryNodeList);
  validateSwap(settings, limits, host);
  validateReservation(settings, limits);
  validateVersion1(settings, host);
  validateBlockIo(settings);
  const rule = settings.deviceRules.find((text) => parseDeviceRule(text) === undefined);
  if (rule !== undefined) throw invalid(`invalid device cgroup rule "${rule}"`, DEVICE_RULE_HINT);
}

/** The bounds are the kernel's own: Documentation/scheduler/sched-bwc.rst. */
function validateCpu({ cpuShares, cpuPeriodUs, cpuQuotaUs }: CgroupSettings, { nanoCpus }: Limits): void {
  if (cpuShares < 0) throw invalid(`invalid CPU shares (${cpuShares}): value must be a positive integer`);
  if (nanoCpus > 0 && (cpuPeriodUs !== 0 || cpuQuotaUs !== 0)) {
    const other = cpuPeriodUs === 0 ? 'CPU Quota' : 'CPU Period';
    throw invalid(`conflicting options: Nano CPUs and ${other} cannot both be set`, 'give the CPUs alone');
  }
  if (cpuPeriodUs !== 0 && (cpuPeriodUs < 1000 || cpuPeriodUs > 1_000_000)) {
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  }
  if (cpuQuotaUs !== 0 && cpuQuotaUs !== -1 && cpuQuotaUs < 1000) {
    throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)', '-1 is for no limit');
  }
}

function validateNumberList(what: string, name: string, wanted: string, available: string): void {
  if (wanted === '') return;
  const numbers = parseNumberList(wanted);
  if (numbers === undefined) throw invalid(`invalid value ${wanted} for ${name}`, 'write a list such as 0-2,4');
  const there = parseNumberList(available) ?? new Set();
  if ([...numbers].every((number) => there.has(number))) return;
  throw invalid(`requested ${what} are not available - requested ${wanted}, available: ${available}`);
}

function validateSwap({ memorySwapBytes }: CgroupSettings, { memoryBytes }: Limits, host: CgroupHost): void {
  if (memorySwapBytes === 0 || memorySwapBytes === -1) return;
  if (memoryBytes === 0) {
    throw invalid('you should always set the memory limit when using a memory+swap limit', 'give a memory limit, too');
  }
  if (memorySwapBytes < memoryBytes) {
    throw invalid(
      'the memory+swap limit should be larger than the memory limit',
      'it is of both together: as much as the memory means no swap',
    );
  }
  if (!host.swapLimit) {
    throw unsupported("this host's kernel can't limit swap", 'leave the limit out, or boot it with swapaccount=1');
  }
}

function validateReservation({ memoryReservationBytes }: CgroupSettings, { memoryBytes }: Limits): void {
  if (memoryReservationBytes === 0) return;
  if (memoryReservationBytes < MINIMUM_MEMORY_BYTES) throw invalid('minimum memory reservation allowed is 6MB');
  if (memoryBytes > 0 && memoryBytes < memoryReservationBytes) {
    throw invalid('the memory limit can not be less than the memory reservation');
  }
}

/** What cgroup version 2 has done away with. */
function validateVersion1({ memorySwappiness, oomKillDisable }: CgroupSettings, { cgroupVersion }: CgroupHost): void {
  if (memorySwappiness !== undefined) {
    if (memorySwappiness < 0 || memorySwappiness > 100) {
      throw invalid(`invalid value: ${memorySwappiness}, valid memory swappiness range is 0-100`);
    }
    if (cgroupVersion === 2) {
      throw unsupported(
        'memory swappiness is not supported with cgroup version 2, which this host has',
        'bound the swap with a memory+swap limit; as much as the memory means none',
      );
    }
  }
  if (oomKillDisable && cgroupVersion === 2) {
    throw unsupported(
      "the OOM killer can't be disabled with cgroup version 2, which this host has",
      'make it the last choice instead, with an oom_score_adj of -1000',
    );
  }
}

function validateBlockIo({ blkioWeight, blkioWeightDevices, ...rates }: CgroupSettings): void {
  const ofDevices = blkioWeightDevices.map(({ weight }) => weight);
  const outside = [...(blkioWeight === 0 ? [] : [blkioWeight]), ...ofDevices].find((one) => one < 10 || one > 1000);
  if (outside !== undefined) throw invalid(`range of blkio weight is from 10 to 1000, not ${outside}`);
  const { deviceReadBps, deviceWriteBps, deviceReadIops, deviceWriteIops } = rates;
  for (const { path, rate } of [deviceReadBps, deviceWriteBps, deviceReadIops, deviceWriteIops].flat()) {
    if (rate < 1) throw invalid(`invalid rate for device ${path}: ${rate}`, 'leave it out for no limit');
  }
}

function invalid(message: string, hint?: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', message, hint === undefined ? {} : { hint });
}

function unsupported(message: string, hint: string): GantryError {
  return new GantryError('UNSUPPORTED', message, { hint });
}
