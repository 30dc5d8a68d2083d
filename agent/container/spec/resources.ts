/** Limits of a container as its cgroup takes them. */
import { GantryError } from '../../../proto/errors.ts';
import type { ResourceAmounts } from '../../../proto/generated/gantry/v1/types.ts';
import { deviceRules, type HostDevice } from './devices.ts';
import type { OciResources } from './oci.ts';

/** Docker's: 100 ms */
const CPU_PERIOD_US = 100_000;
const NANO_CPUS_PER_CPU = 1_000_000_000;
/** As in Docker: with less a runtime can't even start the process. */
export const MINIMUM_MEMORY_BYTES = 6 * 1024 * 1024;
const MINIMUM_NANO_CPUS = NANO_CPUS_PER_CPU / 100;

export interface ResourceRequest {
  readonly limits: ResourceAmounts | undefined;
  readonly devices: readonly HostDevice[];
  readonly privileged: boolean;
  /** The kernel can limit the sum of memory and swap. */
  readonly swapLimit: boolean;
}

export function buildResources(request: ResourceRequest): OciResources {
  const { limits } = request;
  return {
    devices: deviceRules(request.devices, request.privileged),
    ...(limits !== undefined && limits.memoryBytes > 0 && { memory: memory(limits.memoryBytes, request.swapLimit) }),
    ...(limits !== undefined && limits.nanoCpus > 0 && { cpu: cpu(limits.nanoCpus) }),
    ...(limits !== undefined && limits.pids > 0 && { pids: { limit: limits.pids } }),
  };
}

/** As much swap as memory, as Docker gives a container with `--memory` and no `--memory-swap`. */
function memory(limit: number, swapLimit: boolean): OciResources['memory'] {
  return swapLimit ? { limit, swap: 2 * limit } : { limit };
}

function cpu(nanoCpus: number): OciResources['cpu'] {
  return { quota: Math.round((nanoCpus / NANO_CPUS_PER_CPU) * CPU_PERIOD_US), period: CPU_PERIOD_US };
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
