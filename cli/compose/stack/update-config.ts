/** `update_config` and `rollback_config` of a service. */
import { FailureAction, type UpdateConfig, UpdateOrder } from '../../../proto/generated/gantry/v1/types.ts';
import { unlessDefault } from '../../../proto/update-config.ts';
import type { ModelCursor } from './model-cursor.ts';

const ORDERS = { 'stop-first': UpdateOrder.STOP_FIRST, 'start-first': UpdateOrder.START_FIRST } as const;
const ACTIONS = {
  pause: FailureAction.PAUSE,
  continue: FailureAction.CONTINUE,
  rollback: FailureAction.ROLLBACK,
} as const;

export function convertUpdateConfig(cursor: ModelCursor): UpdateConfig | undefined {
  return read(cursor, ['pause', 'continue', 'rollback']);
}

/** A rollback that fails isn't rolled back. */
export function convertRollbackConfig(cursor: ModelCursor): UpdateConfig | undefined {
  return read(cursor, ['pause', 'continue']);
}

function read(cursor: ModelCursor, actions: readonly (keyof typeof ACTIONS)[]): UpdateConfig | undefined {
  return cursor.object({}, (fields) =>
    unlessDefault({
      parallelism: fields.get('parallelism', (one) => one.integer(0, 100_000)) ?? 1,
      delayMs: fields.get('delay', (one) => one.durationMs()) ?? 0,
      order: ORDERS[fields.get('order', (one) => one.oneOf(['stop-first', 'start-first'])) ?? 'stop-first'],
      failureAction: ACTIONS[fields.get('failure_action', (one) => one.oneOf(actions)) ?? 'pause'],
      monitorMs: fields.get('monitor', (one) => one.durationMs()),
      maxFailureRatio: fields.get('max_failure_ratio', (one) => one.ratio()) ?? 0,
    }),
  );
}
