/**
 * The next step of bringing a service's tasks to its present spec, and to nodes where they may be: a few slots at a time,
 * stop first. Pure.
 */
import { TaskState, type UpdateConfig } from '../../../proto/generated/gantry/v1/types.ts';
import { type PlacementRules, unmetConstraint } from '../../placement/rules.ts';
import type { NodeObject } from '../../store/node.ts';
import { hasEnded, isWanted, type TaskObject } from '../../store/task.ts';
import type { Slot } from '../slots.ts';
import { hasStopped } from '../tasks.ts';

export interface RolloutPlan {
  readonly specVersion: number;
  readonly rules: PlacementRules;
  readonly update: UpdateConfig | undefined;
}

const ONE_BY_ONE: UpdateConfig = { parallelism: 1, delayMs: 0 };

export type RolloutStep =
  | { readonly step: 'stop'; readonly task: TaskObject }
  /** Makes the slot's task from the present spec; the old one has stopped. */
  | { readonly step: 'start'; readonly slot: Slot }
  /** Both at once: the new task goes to another node. */
  | { readonly step: 'move'; readonly slot: Slot }
  /** Nothing before this time. */
  | { readonly step: 'wait'; readonly untilMs: number };

/**
 * Undefined: done, or waiting for tasks. A slot takes its turn from when its old task is stopped until its new one has run
 * for the delay; as many as `update` says do so at the same time. So a spec that doesn't work takes down that many slots
 * and no more.
 */
export function nextStep(
  { specVersion, rules, update }: RolloutPlan,
  slots: readonly Slot[],
  nodeOf: (task: TaskObject) => NodeObject | undefined,
  nowMs: number,
): RolloutStep | undefined {
  const { parallelism, delayMs } = update ?? ONE_BY_ONE;
  const stopped = (slot: Slot) => hasStopped(slot.current, nodeOf(slot.current));
  const stale = slots.filter((slot) => slot.current.specVersion !== specVersion);
  const fresh = slots.filter((slot) => slot.current.specVersion === specVersion);
  const isStopping = (slot: Slot) => !isWanted(slot.current) && !stopped(slot);
  const waiting = stale.filter((slot) => !isStopping(slot));
  const [next] = waiting.toSorted((a, b) => rank(a, stopped(a)) - rank(b, stopped(b)));
  const misplaced = fresh.find(({ current }) => isMisplaced(current, rules, nodeOf(current)));
  if (next === undefined && misplaced === undefined) return undefined;
  const most = parallelism || Number.POSITIVE_INFINITY;
  const changing = stale.length - waiting.length + fresh.filter(isUnsettled).length;
  if (changing >= most) return undefined;
  if (next !== undefined && !isWanted(next.current)) return { step: 'start', slot: next };
  // From here on a task that runs would be stopped.
  const restingUntil = fresh.filter(isSettled).map(({ current }) => current.status.timestampMs + delayMs);
  const resting = restingUntil.filter((timeMs) => timeMs > nowMs);
  if (changing + resting.length >= most) return { step: 'wait', untilMs: Math.min(...resting) };
  if (next !== undefined) return { step: 'stop', task: next.current };
  return misplaced === undefined ? undefined : { step: 'move', slot: misplaced };
}

/** A task of a global service leaves its node as a whole; see planPlacement. */
function isMisplaced(task: TaskObject, rules: PlacementRules, node: NodeObject | undefined): boolean {
  if (node === undefined || task.slot === 0 || !isWanted(task) || hasEnded(task)) return false;
  return unmetConstraint(rules, node) !== undefined;
}

function isUnsettled(slot: Slot): boolean {
  return !isSettled(slot);
}

function isSettled({ current }: Slot): boolean {
  if (isWanted(current)) return current.status.state === TaskState.RUNNING;
  return current.status.state === TaskState.COMPLETE;
}

/** Slots that are stopped already first, then those that don't work, then the others by number. */
function rank({ current }: Slot, stopped: boolean): number {
  if (!isWanted(current) && stopped) return 0;
  return hasEnded(current) || current.status.state < TaskState.RUNNING ? 1 : 2;
}
