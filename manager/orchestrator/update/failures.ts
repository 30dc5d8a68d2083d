/** Which slots an update has failed in. Pure. */
import { RestartCondition, TaskState, type UpdateConfig } from '../../../proto/generated/gantry/v1/types.ts';
import type { TaskObject } from '../../store/task.ts';
import type { Slot } from '../slots.ts';
import { monitorMs } from './update-config.ts';

export interface UpdateInProgress {
  readonly specVersion: number;
  readonly config: UpdateConfig;
  readonly startedAtMs: number;
}

export interface FailedSlot {
  readonly slot: Slot;
  /** The one that failed first. */
  readonly task: TaskObject;
}

/** Those of which a task with the new spec has failed, or ended too early, since the update began. */
export function failedSlots(update: UpdateInProgress, slots: readonly Slot[]): FailedSlot[] {
  return slots.flatMap((slot) => {
    const failed = [slot.current, ...slot.history].filter((task) => isFailure(update, task));
    const task = failed.toSorted((a, b) => a.status.endedAtMs - b.status.endedAtMs)[0];
    return task === undefined ? [] : [{ slot, task }];
  });
}

function isFailure({ specVersion, config, startedAtMs }: UpdateInProgress, task: TaskObject): boolean {
  // Not one that is left from before: the way back leads to tasks of which some are there.
  if (task.specVersion !== specVersion || task.meta.createdAtMs < startedAtMs || !endedByItself(task)) return false;
  const { status } = task;
  return status.startedAtMs === 0 || status.endedAtMs - status.startedAtMs <= monitorMs(config);
}

function endedByItself({ status, spec }: TaskObject): boolean {
  if (status.state === TaskState.FAILED || status.state === TaskState.REJECTED) return true;
  // One that is always restarted isn't meant to complete.
  const condition = spec.restart?.condition ?? RestartCondition.ANY;
  return status.state === TaskState.COMPLETE && condition === RestartCondition.ANY;
}
