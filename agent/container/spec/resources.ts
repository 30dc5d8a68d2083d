/** Limits of a container as its cgroup takes them. */
import { GantryError } from '../../../proto/errors.ts';
import { CgroupSettings, type ResourceAmounts } from '../../../proto/generated/gantry/v1/types.ts';
import { type BlockDevices, blockIo } from './block-io.ts';
import { deviceRules, type HostDevice } from './devices.ts';
import type { OciCpu, OciMemory, OciResources } from './oci.ts';

/** Docker's: 100 ms */
const CPU_PERIOD_US = 100_000;
const NANO_CPUS_PER_CPU = 1_000_000_000;
/** As in Docker: with less a runtime can't even start the process. */
export const MINIMUM_MEMORY_BYTES = 6 * 1024 * 1024;
const MINIMUM_NANO_CPUS = NANO_CPUS_PER_CPU / 100;

export interface ResourceRequest {
  readonly limits: ResourceAmounts | undefined;
  readonly settings: CgroupSettings | undefined;
  /** Those of the host that `settings` name. */
  readonly blockDevices: BlockDevices;
  readonly devices: readonly HostDevice[];
  readonly privileged: boolean;
  /** The kernel can limit the sum of memory and swap. */
  readonly swapLimit: boolean;
}

export function buildResources(request: ResourceRequest): OciResources {
  const { limits, settings = CgroupSettings.create(), devices, privileged } = request;
  return {
    devices: deviceRules(devices, settings.deviceRules, privileged),
    ...unlessEmpty('memory', memory(limits?.memoryBytes ?? 0, settings, request.swapLimit)),
    ...unlessEmpty('cpu', cpu(limits?.nanoCpus ?? 0, settings)),
    ...(limits !== undefined && limits.pids > 0 && { pids: { limit: limits.pids } }),
    ...unlessEmpty('blockIO', blockIo(settings, request.blockDevices)),
  };
}

function unlessEmpty<K extends string, T extends object>(key: K, value: T): { readonly [P in K]?: T } {
  return Object.keys(value).length === 0 ? {} : ({ [key]: value } as { readonly [P in K]?: T });
}

function memory(limit: number, settings: CgroupSettings, swapLimit: boolean): OciMemory {
  const { memoryReservationBytes: reservation, memorySwappiness: swappiness, oomKillDisable } = settings;
  return {
    ...(limit > 0 && { limit }),
    ...(limit > 0 && swapLimit && { swap: memoryAndSwap(limit, settings) }),
    ...(reservation > 0 && { reservation }),
    ...(swappiness !== undefined && { swappiness }),
    ...(oomKillDisable && { disableOOMKiller: true }),
  };
}

/** As much swap as memory unless something else is asked for, as in Docker. */
function memoryAndSwap(limit: number, { memorySwapBytes }: CgroupSettings): number {
  return memorySwapBytes === 0 ? 2 * limit : memorySwapBytes;
}

function cpu(nanoCpus: number, settings: CgroupSettings): OciCpu {
  const { cpuShares: shares, cpuPeriodUs: period, cpuQuotaUs: quota, cpusetCpus: cpus, cpusetMems: mems } = settings;
  return {
    ...(nanoCpus > 0 && { quota: Math.round((nanoCpus / NANO_CPUS_PER_CPU) * CPU_PERIOD_US), period: CPU_PERIOD_US }),
    ...(shares !== 0 && { shares }),
    ...(period !== 0 && { period }),
    ...(quota !== 0 && { quota }),
    ...(cpus !== '' && { cpus }),
    ...(mems !== '' && { mems }),
  };
}

/** Throws INVALID_ARGUMENT for limits that no container can have on a host with so many CPUs. */
export function validateLimits(limits: ResourceAmounts, cpus: number): void {
  const { memoryBytes, nanoCpus, pids } = limits;
  if (memoryBytes !== 0 && memoryBytes < MINIMUM_MEMORY_BYTES) {
    throw new GantryError('INVALID_ARGUMENT', `memory limit of ${memoryBytes} bytes is too small`, {
      hint: 'the least is 6 MiB',
    });
  }
  if (nanoCpus !== 0 && (nanoCpus < MINIMUM_NANO_CPUS || nanoCpus > cpus * NANO_CPUS_PER_CPU)) {
    throw new GantryError('INVALID_ARGUMENT', `a limit of ${nanoCpus / NANO_CPUS_PER_CPU} CPUs can't be set`, {
      hint: `this host has ${cpus}: give 0.01 to ${cpus}`,
    });
  }
  // -1 is Docker's other way to say "no limit".
  if (pids < -1) throw new GantryError('INVALID_ARGUMENT', `pids limit ${pids} is negative`);
}
