/** How an update in progress stands. Pure. */
import { FailureAction, TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { isWanted, runningSinceMs, type TaskObject } from '../../store/task.ts';
import type { Slot } from '../slots.ts';
import type { FailedSlot, UpdateInProgress } from './failures.ts';
import { isSettled, placeOf } from './rollout.ts';
import { monitorMs } from './update-config.ts';

export type UpdateOutcome =
  /** `untilMs`: when to look again although nothing has changed by then. */
  | { readonly outcome: 'goes-on'; readonly untilMs: number | undefined }
  /** More slots than it may. */
  | { readonly outcome: 'failed'; readonly task: TaskObject }
  | { readonly outcome: 'completed' };

/** It is completed when each slot's new task has outlived the monitor time. */
export function updateOutcome(
  update: UpdateInProgress,
  slots: readonly Slot[],
  failed: readonly FailedSlot[],
  nowMs: number,
): UpdateOutcome {
  const { config, specVersion } = update;
  const last = failed.at(-1);
  const tooMany = failed.length > config.maxFailureRatio * slots.length;
  if (last !== undefined && tooMany && config.failureAction !== FailureAction.CONTINUE) {
    return { outcome: 'failed', task: last.task };
  }
  const givenUp = new Set(failed.map(({ slot }) => slot));
  let untilMs = 0;
  for (const slot of slots) {
    const { task } = placeOf(slot, specVersion);
    const done = task.specVersion === specVersion && isSettled(slot, task);
    if (!done && !givenUp.has(slot)) return { outcome: 'goes-on', untilMs: undefined };
    if (done && isWanted(task) && task.status.state === TaskState.RUNNING) {
      untilMs = Math.max(untilMs, runningSinceMs(task) + monitorMs(config));
    }
  }
  return untilMs > nowMs ? { outcome: 'goes-on', untilMs } : { outcome: 'completed' };
}
