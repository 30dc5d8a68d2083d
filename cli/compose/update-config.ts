/** `update_config:` and `rollback_config:` of a service. */
import { FailureAction, type UpdateConfig, UpdateOrder } from '../../proto/generated/gantry/v1/types.ts';
import { unlessDefault } from '../../proto/update-config.ts';
import { UPDATE_KEYS } from './keys.ts';
import type { Cursor } from './syntax/cursor.ts';

const ORDERS = { 'stop-first': UpdateOrder.STOP_FIRST, 'start-first': UpdateOrder.START_FIRST } as const;
const ACTIONS = {
  pause: FailureAction.PAUSE,
  continue: FailureAction.CONTINUE,
  rollback: FailureAction.ROLLBACK,
} as const;

export function readUpdateConfig(cursor: Cursor): UpdateConfig | undefined {
  return read(cursor, ['pause', 'continue', 'rollback']);
}

/** A rollback that fails isn't rolled back. */
export function readRollbackConfig(cursor: Cursor): UpdateConfig | undefined {
  return read(cursor, ['pause', 'continue']);
}

function read(cursor: Cursor, actions: readonly (keyof typeof ACTIONS)[]): UpdateConfig | undefined {
  cursor.checkKeys(UPDATE_KEYS);
  return unlessDefault({
    parallelism: cursor.field('parallelism', (child) => child.integer(0, 100_000)) ?? 1,
    delayMs: cursor.field('delay', (child) => child.durationMs()) ?? 0,
    order: ORDERS[cursor.field('order', (child) => child.oneOf(['stop-first', 'start-first'])) ?? 'stop-first'],
    failureAction: ACTIONS[cursor.field('failure_action', (child) => child.oneOf(actions)) ?? 'pause'],
    monitorMs: cursor.field('monitor', (child) => child.durationMs()),
    maxFailureRatio: cursor.field('max_failure_ratio', (child) => child.ratio()) ?? 0,
  });
}
