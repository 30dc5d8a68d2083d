/** How many slots a replicated service has, and which. Pure. */
import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { hasEnded, isWanted } from '../../store/task.ts';
import type { Slot } from '../slots.ts';

export interface ReplicasPlan {
  /** Numbers of slots to be filled for the first time. */
  readonly create: readonly number[];
  /** Slots whose tasks are to be removed, history and all. */
  readonly remove: readonly Slot[];
}

/**
 * A slot counts as long as it isn't being removed, also when its task has ended for good: whether a task runs
 * again is the restart policy's affair. Going down, slots that do least go first, high numbers before low.
 */
export function planReplicas(replicas: number, slots: readonly Slot[]): ReplicasPlan {
  if (slots.length > replicas) {
    const byUse = [...slots].sort((a, b) => usefulness(b) - usefulness(a) || a.slot - b.slot);
    return { create: [], remove: byUse.slice(replicas) };
  }
  const used = new Set(slots.map((slot) => slot.slot));
  const create: number[] = [];
  for (let number = 1; slots.length + create.length < replicas; number++) {
    if (!used.has(number)) create.push(number);
  }
  return { create, remove: [] };
}

/** While a slot's new task starts its old one may still run. */
function usefulness({ current, history }: Slot): number {
  const wanted = [current, ...history].filter((task) => isWanted(task) && !hasEnded(task));
  if (wanted.some(({ status }) => status.state === TaskState.RUNNING)) return 2;
  return wanted.length > 0 ? 1 : 0;
}
