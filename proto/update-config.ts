/** What holds for an update, or a rollback, of a service that says nothing of it. */
import { UpdateConfig } from './generated/gantry/v1/types.ts';

/** One task at a time, stopped first; a failure pauses it. */
export const DEFAULT_UPDATE_CONFIG: UpdateConfig = UpdateConfig.fromPartial({ parallelism: 1 });

/** For how long after its start a new task's end is a failure of the update, in milliseconds. */
export const DEFAULT_MONITOR_MS = 5000;

/** Undefined when it says nothing but what is done anyway, so that it is the same as one that isn't there. */
export function unlessDefault(config: UpdateConfig): UpdateConfig | undefined {
  const { parallelism, delayMs, order, failureAction, monitorMs, maxFailureRatio } = config;
  const says = delayMs + order + failureAction + maxFailureRatio > 0 || monitorMs !== undefined;
  return says || parallelism !== DEFAULT_UPDATE_CONFIG.parallelism ? config : undefined;
}
