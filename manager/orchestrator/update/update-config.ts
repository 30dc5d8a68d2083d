/** How a service's tasks are changed, with what holds where the service says nothing. Pure. */
import {
  FailureAction,
  type UpdateConfig,
  UpdateOrder,
  UpdateState,
  type UpdateStatus,
} from '../../../proto/generated/gantry/v1/types.ts';
import { DEFAULT_MONITOR_MS, DEFAULT_UPDATE_CONFIG } from '../../../proto/update-config.ts';
import type { ServiceObject } from '../../store/service.ts';

const UPDATING: ReadonlySet<UpdateState> = new Set([UpdateState.UPDATING, UpdateState.ROLLBACK_STARTED]);
const ROLLING_BACK: ReadonlySet<UpdateState> = new Set([
  UpdateState.ROLLBACK_STARTED,
  UpdateState.ROLLBACK_PAUSED,
  UpdateState.ROLLBACK_COMPLETED,
]);
const PAUSED: ReadonlySet<UpdateState> = new Set([UpdateState.PAUSED, UpdateState.ROLLBACK_PAUSED]);

/** That of the way back while it is on it. */
export function updateConfigOf({ spec, updateStatus }: ServiceObject): UpdateConfig {
  return (isRollingBack(updateStatus) ? spec.rollback : spec.update) ?? DEFAULT_UPDATE_CONFIG;
}

export function isUpdating(status: UpdateStatus | undefined): status is UpdateStatus {
  return status !== undefined && UPDATING.has(status.state);
}

export function isPaused(status: UpdateStatus | undefined): boolean {
  return status !== undefined && PAUSED.has(status.state);
}

export function isRollingBack(status: UpdateStatus | undefined): boolean {
  return status !== undefined && ROLLING_BACK.has(status.state);
}

/** For how long after its start a task's end is the update's failure. */
export function monitorMs(config: UpdateConfig): number {
  return config.monitorMs ?? DEFAULT_MONITOR_MS;
}

export function isStartFirst(config: UpdateConfig | undefined): boolean {
  return config?.order === UpdateOrder.START_FIRST;
}

/** A rollback isn't rolled back. */
export function failureActionOf(config: UpdateConfig, status: UpdateStatus): FailureAction {
  const { failureAction } = config;
  return failureAction === FailureAction.ROLLBACK && isRollingBack(status) ? FailureAction.PAUSE : failureAction;
}
