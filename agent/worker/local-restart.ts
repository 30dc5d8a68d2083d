/**
 * What a node does by itself for tasks that end while no manager is there to replace them: it starts them again, by their
 * restart policy. A manager that is only away for a moment, as between two leaders, finds a failure and replaces it.
 */
import { RestartCondition, type RestartPolicy } from '../../proto/generated/gantry/v1/types.ts';

/** After an end, and after the manager was last there. */
const FIRST_DELAY_MS = 5000;
const LAST_DELAY_MS = 300_000;
/** What is remembered of a task: more than any policy counts in a window that is worth one. */
const REMEMBERED = 100;

export interface EndedTask {
  readonly policy: RestartPolicy | undefined;
  readonly outcome: 'complete' | 'failed';
  readonly endedAtMs: number;
  /** When this node started it again by itself, oldest first. */
  readonly restartsMs: readonly number[];
  /** Since when no manager is there. */
  readonly aloneSinceMs: number;
}

/** When to start it again, in milliseconds since the epoch; undefined: never, it has ended. Pure. */
export function localRestartAt(task: EndedTask): number | undefined {
  const { condition = RestartCondition.ANY, delayMs, maxAttempts = 0, windowMs = 0 } = task.policy ?? {};
  if (condition === RestartCondition.NONE) return undefined;
  if (condition === RestartCondition.ON_FAILURE && task.outcome === 'complete') return undefined;
  const counted = task.restartsMs.filter((timeMs) => windowMs === 0 || timeMs > task.endedAtMs - windowMs).length;
  if (maxAttempts > 0 && counted >= maxAttempts) return undefined;
  const backOffMs = Math.min(FIRST_DELAY_MS * 2 ** recent(task), LAST_DELAY_MS);
  return Math.max(task.endedAtMs, task.aloneSinceMs) + Math.max(delayMs ?? 0, backOffMs);
}

export function withRestart(restartsMs: readonly number[], nowMs: number): readonly number[] {
  return [...restartsMs, nowMs].slice(-REMEMBERED);
}

/** One that has run for long begins anew. */
function recent({ restartsMs, endedAtMs }: EndedTask): number {
  return restartsMs.filter((timeMs) => timeMs > endedAtMs - 2 * LAST_DELAY_MS).length;
}
