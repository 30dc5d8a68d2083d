/** What a command line makes of a task's limits and reservations. Pure. */
import { ResourceAmounts, Resources } from '../../../../proto/generated/gantry/v1/types.ts';
import { editList } from './edit-list.ts';
import type { ServiceFlags } from './service-flags.ts';

export function changedResources(
  resources: Resources | undefined,
  { options, edits }: ServiceFlags,
): Resources | undefined {
  const { limitCpu, limitMemory, limitPids, reserveCpu, reserveMemory } = options;
  const before = resources ?? Resources.create();
  const limits = changedAmounts(before.limits, { nanoCpus: limitCpu, memoryBytes: limitMemory, pids: limitPids });
  const reservations = changedAmounts(before.reservations, { nanoCpus: reserveCpu, memoryBytes: reserveMemory });
  const { add, rm } = edits.genericReservations;
  const genericReservations = editList(before.genericReservations, {
    add,
    removes: ({ kind }) => rm.includes(kind),
    keyOf: ({ kind }) => kind,
  });
  const isSaid = limits !== undefined || reservations !== undefined || genericReservations.length > 0;
  if (limits === before.limits && reservations === before.reservations && add.length + rm.length === 0)
    return resources;
  return isSaid ? { limits, reservations, genericReservations } : undefined;
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
