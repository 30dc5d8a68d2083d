/**
 * The next step of bringing a service's tasks to its present spec, and to nodes where they may be: one slot at a time,
 * stop first. Pure.
 */
import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { type PlacementRules, unmetConstraint } from '../../placement/rules.ts';
import type { NodeObject } from '../../store/node.ts';
import { hasEnded, isWanted, type TaskObject } from '../../store/task.ts';
import type { Slot } from '../slots.ts';
import { hasStopped } from '../tasks.ts';

export type RolloutStep =
  | { readonly step: 'stop'; readonly task: TaskObject }
  /** Makes the slot's task from the present spec; the old one has stopped. */
  | { readonly step: 'start'; readonly slot: Slot }
  /** Both at once: the new task goes to another node. */
  | { readonly step: 'move'; readonly slot: Slot };

/**
 * Undefined: done, or waiting. It waits as long as a slot is between its old and its new task, and as long as a
 * new task isn't running: a spec that doesn't work takes down one slot and no more.
 */
export function nextStep(
  specVersion: number,
  rules: PlacementRules,
  slots: readonly Slot[],
  nodeOf: (task: TaskObject) => NodeObject | undefined,
): RolloutStep | undefined {
  const stopped = (slot: Slot) => hasStopped(slot.current, nodeOf(slot.current));
  const stale = slots.filter((slot) => slot.current.specVersion !== specVersion);
  const fresh = slots.filter((slot) => slot.current.specVersion === specVersion);
  const stopping = stale.some((slot) => !isWanted(slot.current) && !stopped(slot));
  if (stopping || !fresh.every(isSettled)) return undefined;
  const [next] = [...stale].sort((a, b) => rank(a, stopped(a)) - rank(b, stopped(b)));
  if (next === undefined) {
    const misplaced = fresh.find(({ current }) => isMisplaced(current, rules, nodeOf(current)));
    return misplaced === undefined ? undefined : { step: 'move', slot: misplaced };
  }
  return isWanted(next.current) ? { step: 'stop', task: next.current } : { step: 'start', slot: next };
}

/** A task of a global service leaves its node as a whole; see planPlacement. */
function isMisplaced(task: TaskObject, rules: PlacementRules, node: NodeObject | undefined): boolean {
  if (node === undefined || task.slot === 0 || !isWanted(task) || hasEnded(task)) return false;
  return unmetConstraint(rules, node) !== undefined;
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
