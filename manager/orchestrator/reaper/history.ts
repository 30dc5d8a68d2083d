/** Which tasks are of no more use. Pure. */
import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import type { NodeObject } from '../../store/node.ts';
import { isWanted, type TaskObject } from '../../store/task.ts';
import { type Slot, slotsOf } from '../slots.ts';
import { hasStopped } from '../tasks.ts';

/**
 * Tasks to forget: those that are to be removed and have stopped, and in each slot those that ended longest ago,
 * beyond `limit`. Forgetting a task makes its agent remove the container.
 */
export function forgettable(
  tasks: readonly TaskObject[],
  limit: number,
  nodeOf: (task: TaskObject) => NodeObject | undefined,
): TaskObject[] {
  const stopped = (task: TaskObject) => hasStopped(task, nodeOf(task));
  const removed = tasks.filter((task) => task.desiredState >= TaskState.REMOVE && stopped(task));
  const old = slotsOf(tasks).flatMap((slot) =>
    slot.history.filter((task) => !isWanted(task) && stopped(task)).slice(keptInSlot(slot, limit)),
  );
  return [...removed, ...old];
}

/** The restart policy counts attempts in the history: it must reach back that far. */
function keptInSlot({ current }: Slot, limit: number): number {
  return Math.max(limit, current.spec.restart?.maxAttempts ?? 0);
}
