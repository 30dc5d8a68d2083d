/** Tasks grouped by the place they fill one after another. */
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { isWanted, slotKey, type TaskObject } from '../store/task.ts';
import type { Place } from './tasks.ts';

export interface Slot extends Place {
  /** The task that fills it: the newest, or the one that is wanted. */
  readonly current: TaskObject;
  /** The tasks that it took the place of, newest first. */
  readonly history: readonly TaskObject[];
}

/** Slots by number, then node; tasks that are to be removed fill none. */
export function slotsOf(tasks: readonly TaskObject[]): Slot[] {
  const groups = new Map<string, TaskObject[]>();
  for (const task of tasks) {
    if (task.desiredState >= TaskState.REMOVE) continue;
    const group = groups.get(slotKey(task));
    if (group === undefined) groups.set(slotKey(task), [task]);
    else group.push(task);
  }
  const slots: Slot[] = [];
  for (const group of groups.values()) {
    const [current, ...history] = group.sort(newestFirst);
    if (current === undefined) continue;
    slots.push({ slot: current.slot, nodeId: current.slot === 0 ? current.nodeId : '', current, history });
  }
  return slots.sort((a, b) => a.slot - b.slot || compare(a.nodeId, b.nodeId));
}

export function newestFirst(a: TaskObject, b: TaskObject): number {
  return (
    Number(isWanted(b)) - Number(isWanted(a)) ||
    createdVersion(b) - createdVersion(a) ||
    b.meta.createdAtMs - a.meta.createdAtMs ||
    compare(a.id, b.id)
  );
}

/** One that is made in the running transaction is newer than all others. */
function createdVersion({ meta }: TaskObject): number {
  return meta.createdVersion === 0 ? Number.MAX_SAFE_INTEGER : meta.createdVersion;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
