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
    const message = back ? rolledBackBecause(updateStatus) : 'update completed';
    return { ...service, updateStatus: { ...updateStatus, state, completedAtMs: nowMs, message } };
  }
  const reason = `failure or early termination of task ${ended.task.id}`;
  if (failureActionOf(updateConfigOf(service), updateStatus) !== FailureAction.ROLLBACK) {
    return paused(service, updateStatus, `${back ? 'rollback' : 'update'} paused due to ${reason}`);
  }
  try {
    return rolledBack(service, others, `update rolled back due to ${reason}`, nowMs);
  } catch (thrown) {
    const problem = toGantryError(thrown).message;
    return paused(service, updateStatus, `update paused due to ${reason}; it can't be rolled back: ${problem}`);
  }
}

function paused(service: ServiceObject, status: UpdateStatus, message: string): ServiceObject {
  const state = isRollingBack(status) ? UpdateState.ROLLBACK_PAUSED : UpdateState.PAUSED;
  return { ...service, updateStatus: { ...status, state, message } };
}

/** Why it was begun is what matters when it is done. */
function rolledBackBecause({ message }: UpdateStatus): string {
  return message === '' || message === 'resumed' ? 'rollback completed' : message;
}
