/** What becomes of a service whose update has ended, well or badly. Pure. */
import { toGantryError } from '../../../proto/errors.ts';
import { FailureAction, UpdateState, type UpdateStatus } from '../../../proto/generated/gantry/v1/types.ts';
import type { ServiceObject } from '../../store/service.ts';
import type { UpdateOutcome } from './outcome.ts';
import { rolledBack } from './spec-change.ts';
import { failureActionOf, isRollingBack, updateConfigOf } from './update-config.ts';

type EndedOutcome = Exclude<UpdateOutcome, { readonly outcome: 'goes-on' }>;

/** `others`: all other services. */
export function settleUpdate(
  service: ServiceObject,
  ended: EndedOutcome,
  others: readonly ServiceObject[],
  nowMs: number,
): ServiceObject {
  const { updateStatus } = service;
  if (updateStatus === undefined) return service;
  const back = isRollingBack(updateStatus);
  if (ended.outcome === 'completed') {
    const state = back ? UpdateState.ROLLBACK_COMPLETED : UpdateState.COMPLETED;
    // Why it was taken back is what matters when it is done.
    const message =
      updateStatus.failedTaskId === '' ? `${back ? 'rollback' : 'update'} completed` : updateStatus.message;
    return { ...service, updateStatus: { ...updateStatus, state, completedAtMs: nowMs, message } };
  }
  const failedTaskId = ended.task.id;
  const reason = `failure or early termination of task ${failedTaskId}`;
  if (failureActionOf(updateConfigOf(service), updateStatus) !== FailureAction.ROLLBACK) {
    const message = `${back ? 'rollback' : 'update'} paused due to ${reason}`;
    return paused(service, updateStatus, { message, failedTaskId });
  }
  try {
    return rolledBack(service, others, { message: `update rolled back due to ${reason}`, failedTaskId }, nowMs);
  } catch (thrown) {
    const problem = toGantryError(thrown).message;
    const message = `update paused due to ${reason}; it can't be rolled back: ${problem}`;
    return paused(service, updateStatus, { message, failedTaskId });
  }
}

function paused(
  service: ServiceObject,
  status: UpdateStatus,
  why: Pick<UpdateStatus, 'message' | 'failedTaskId'>,
): ServiceObject {
  const state = isRollingBack(status) ? UpdateState.ROLLBACK_PAUSED : UpdateState.PAUSED;
  return { ...service, updateStatus: { ...status, state, ...why } };
}
