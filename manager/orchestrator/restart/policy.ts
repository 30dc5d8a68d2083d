/** Whether, and when, a task is replaced. Pure. */
import {
  NodeAvailability,
  RestartCondition,
  type RestartPolicy,
  TaskState,
} from '../../../proto/generated/gantry/v1/types.ts';
import type { NodeObject } from '../../store/node.ts';
import { hasEnded, isWanted, type TaskObject } from '../../store/task.ts';
import type { Slot } from '../slots.ts';
import { isLost } from '../tasks.ts';

export type RestartDecision =
  | { readonly action: 'keep' }
  /** Nothing to do before this time. */
  | { readonly action: 'wait'; readonly untilMs: number }
  /** It has ended for good. */
  | { readonly action: 'retire' }
  /** `startAfterMs`: 0 when this is no restart, but its node has gone. */
  | { readonly action: 'replace'; readonly startAfterMs: number }
  /** It may not stay where it is. */
  | { readonly action: 'move' };

const FIRST_BACKOFF_MS = 1000;
const LONGEST_BACKOFF_MS = 30_000;
/** A task that ran this long has started well: its next failure counts as the first. */
const RAN_WELL_MS = 10_000;

const DEFAULT_POLICY: RestartPolicy = { condition: RestartCondition.ANY, maxAttempts: 0, windowMs: 0 };

export interface Surroundings {
  /** That the slot's task is on. */
  readonly node: NodeObject | undefined;
  /** It is on the network of another one, which is gone. */
  readonly lostNetwork: boolean;
  /** How long a node may be down before its tasks move. */
  readonly downGraceMs: number;
  readonly nowMs: number;
}

export function decideRestart(slot: Slot, { node, lostNetwork, downGraceMs, nowMs }: Surroundings): RestartDecision {
  const task = slot.current;
  if (!isWanted(task)) return { action: 'keep' };
  // Whatever its policy: it is what became of the other one that ends it.
  if (lostNetwork) return { action: 'replace', startAfterMs: 0 };
  // Whatever its policy: it hasn't ended, its node has.
  if (task.status.state === TaskState.ORPHANED && task.slot > 0) return { action: 'replace', startAfterMs: 0 };
  if (task.status.state === TaskState.ORPHANED) return { action: 'keep' };
  if (hasEnded(task)) return decideEnded(slot, nowMs);
  // A global service's task belongs to its node, and waits for it.
  if (task.slot === 0 || task.status.state < TaskState.ASSIGNED) return { action: 'keep' };
  if (node === undefined) return { action: 'replace', startAfterMs: 0 };
  if (node.spec.availability === NodeAvailability.DRAIN) return { action: 'move' };
  if (!isLost(node)) return { action: 'keep' };
  const untilMs = node.status.stateSinceMs + downGraceMs;
  return nowMs < untilMs ? { action: 'wait', untilMs } : { action: 'replace', startAfterMs: 0 };
}

function decideEnded(slot: Slot, nowMs: number): RestartDecision {
  const task = slot.current;
  const policy = task.spec.restart ?? DEFAULT_POLICY;
  if (policy.condition === RestartCondition.NONE) return { action: 'retire' };
  const succeeded = task.status.state === TaskState.COMPLETE;
  if (policy.condition === RestartCondition.ON_FAILURE && succeeded) return { action: 'retire' };
  if (policy.maxAttempts > 0 && attempts(slot, policy, nowMs) >= policy.maxAttempts) return { action: 'retire' };
  return { action: 'replace', startAfterMs: nowMs + (policy.delayMs ?? backoff(task, nowMs)) };
}

/** Restarts so far of what the slot's task was made from, within the policy's window. */
function attempts(slot: Slot, policy: RestartPolicy, nowMs: number): number {
  const since = policy.windowMs > 0 ? nowMs - policy.windowMs : Number.NEGATIVE_INFINITY;
  return [slot.current, ...slot.history].filter(
    (task) => task.startAfterMs > 0 && task.specVersion === slot.current.specVersion && task.meta.createdAtMs >= since,
  ).length;
}

/**
 * None the first time, then 1 s, 2 s, 4 s ... 30 s. The delay before is read off the task itself, so that
 * neither a change of leader nor the history limit resets it.
 */
function backoff(task: TaskObject, nowMs: number): number {
  if (task.startAfterMs === 0 || nowMs - task.startAfterMs >= RAN_WELL_MS) return 0;
  const previous = task.startAfterMs - task.meta.createdAtMs;
  return Math.min(Math.max(previous * 2, FIRST_BACKOFF_MS), LONGEST_BACKOFF_MS);
}
