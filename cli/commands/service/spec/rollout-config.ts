/** What a command line makes of how a service is updated, and rolled back. Pure. */
import type { FailureAction, UpdateConfig, UpdateOrder } from '../../../../proto/generated/gantry/v1/types.ts';
import { DEFAULT_UPDATE_CONFIG, unlessDefault } from '../../../../proto/update-config.ts';
import type { ServiceOptions } from '../../../options/service-options.ts';

export interface RolloutFlags {
  readonly parallelism: number | undefined;
  readonly delayMs: number | undefined;
  readonly order: UpdateOrder | undefined;
  readonly failureAction: FailureAction | undefined;
  readonly monitorMs: number | undefined;
  readonly maxFailureRatio: number | undefined;
}

export function updateFlags(options: ServiceOptions): RolloutFlags {
  return {
    parallelism: options.updateParallelism,
    delayMs: options.updateDelay,
    order: options.updateOrder,
    failureAction: options.updateFailureAction,
    monitorMs: options.updateMonitor,
    maxFailureRatio: options.updateMaxFailureRatio,
  };
}

export function rollbackFlags(options: ServiceOptions): RolloutFlags {
  return {
    parallelism: options.rollbackParallelism,
    delayMs: options.rollbackDelay,
    order: options.rollbackOrder,
    failureAction: options.rollbackFailureAction,
    monitorMs: options.rollbackMonitor,
    maxFailureRatio: options.rollbackMaxFailureRatio,
  };
}

/** Unset when it says nothing but what is done anyway. */
export function changedRollout(config: UpdateConfig | undefined, flags: RolloutFlags): UpdateConfig | undefined {
  if (Object.values(flags).every((value) => value === undefined)) return config;
  const before = config ?? DEFAULT_UPDATE_CONFIG;
  return unlessDefault({
    parallelism: flags.parallelism ?? before.parallelism,
    delayMs: flags.delayMs ?? before.delayMs,
    order: flags.order ?? before.order,
    failureAction: flags.failureAction ?? before.failureAction,
    monitorMs: flags.monitorMs ?? before.monitorMs,
    maxFailureRatio: flags.maxFailureRatio ?? before.maxFailureRatio,
  });
}
