/** What a command line makes of a task's limits and reservations. Pure. */
import { ResourceAmounts, type Resources } from '../../../../proto/generated/gantry/v1/types.ts';
import type { ServiceOptions } from '../../../options/service-options.ts';

export function changedResources(resources: Resources | undefined, options: ServiceOptions): Resources | undefined {
  const { limitCpu, limitMemory, limitPids, reserveCpu, reserveMemory } = options;
  const before: Resources = { limits: resources?.limits, reservations: resources?.reservations };
  const limits = changedAmounts(before.limits, { nanoCpus: limitCpu, memoryBytes: limitMemory, pids: limitPids });
  const reservations = changedAmounts(before.reservations, { nanoCpus: reserveCpu, memoryBytes: reserveMemory });
  if (limits === before.limits && reservations === before.reservations) return resources;
  return limits === undefined && reservations === undefined ? undefined : { limits, reservations };
}

interface AmountFlags {
  readonly nanoCpus: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly pids?: number | undefined;
}

/** Undefined when it says nothing, so that it is the same as amounts that were never there. */
function changedAmounts(amounts: ResourceAmounts | undefined, flags: AmountFlags): ResourceAmounts | undefined {
  if (Object.values(flags).every((value) => value === undefined)) return amounts;
  const before = amounts ?? ResourceAmounts.create();
  const after: ResourceAmounts = {
    nanoCpus: flags.nanoCpus ?? before.nanoCpus,
    memoryBytes: flags.memoryBytes ?? before.memoryBytes,
    pids: flags.pids ?? before.pids,
  };
  return after.nanoCpus + after.memoryBytes + after.pids === 0 ? undefined : after;
}
