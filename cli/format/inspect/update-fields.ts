/** How a service is updated, and how far an update is, in the form of `docker service inspect`. */
import {
  FailureAction,
  type UpdateConfig,
  UpdateOrder,
  UpdateState,
  type UpdateStatus,
} from '../../../proto/generated/gantry/v1/types.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { DEFAULT_MONITOR_MS } from '../../../proto/update-config.ts';
import { goDuration, rfc3339 } from '../duration.ts';
import { nanoseconds } from './inspect-values.ts';

const STATE_NAMES: Readonly<Record<number, string>> = {
  [UpdateState.UPDATING]: 'updating',
  [UpdateState.PAUSED]: 'paused',
  [UpdateState.COMPLETED]: 'completed',
  [UpdateState.ROLLBACK_STARTED]: 'rollback_started',
  [UpdateState.ROLLBACK_PAUSED]: 'rollback_paused',
  [UpdateState.ROLLBACK_COMPLETED]: 'rollback_completed',
};

export function updateFields(update: UpdateConfig | undefined): Fields {
  return {
    Parallelism: update?.parallelism ?? 1,
    Delay: nanoseconds(update?.delayMs ?? 0),
    FailureAction: actionName(update?.failureAction),
    Monitor: nanoseconds(update?.monitorMs ?? DEFAULT_MONITOR_MS),
    MaxFailureRatio: update?.maxFailureRatio ?? 0,
    Order: orderName(update?.order),
  };
}

/** Nothing for a service that was never updated. */
export function updateStatusFields(status: UpdateStatus | undefined): Fields {
  if (status === undefined) return {};
  return {
    UpdateStatus: {
      State: updateStateName(status),
      StartedAt: rfc3339(status.startedAtMs),
      ...(status.completedAtMs === 0 ? {} : { CompletedAt: rfc3339(status.completedAtMs) }),
      Message: status.message,
    },
  };
}

export function updateStateName({ state }: UpdateStatus): string {
  return STATE_NAMES[state] ?? 'unknown';
}

export function updateStatusLines(status: UpdateStatus | undefined): string[] {
  if (status === undefined) return [];
  return ['UpdateStatus:', ` State:\t${updateStateName(status)}`, ` Message:\t${status.message}`];
}

/** `title`: "UpdateConfig" or "RollbackConfig". */
export function updateLines(title: string, update: UpdateConfig | undefined): string[] {
  const word = title === 'UpdateConfig' ? 'Update' : 'Rollback';
  return [
    `${title}:`,
    ` Parallelism:\t${update?.parallelism ?? 1}`,
    ...(update?.delayMs ? [` Delay:\t${goDuration(update.delayMs)}`] : []),
    ` On failure:\t${actionName(update?.failureAction)}`,
    ` Monitoring Period:\t${goDuration(update?.monitorMs ?? DEFAULT_MONITOR_MS)}`,
    ` Max failure ratio:\t${update?.maxFailureRatio ?? 0}`,
    ` ${word} order:\t${orderName(update?.order)}`,
  ];
}

function orderName(order: UpdateOrder | undefined): string {
  return order === UpdateOrder.START_FIRST ? 'start-first' : 'stop-first';
}

function actionName(action: FailureAction | undefined): string {
  if (action === FailureAction.ROLLBACK) return 'rollback';
  return action === FailureAction.CONTINUE ? 'continue' : 'pause';
}
