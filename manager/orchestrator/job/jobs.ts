/** What a job still has to do: tasks that complete, once each. Pure. */
import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import type { PlacementRules } from '../../placement/rules.ts';
import type { NodeObject } from '../../store/node.ts';
import { isWanted, type TaskObject } from '../../store/task.ts';
import { planPlacement } from '../global/placement.ts';
import { type Slot, slotsOf } from '../slots.ts';
import type { Place } from '../tasks.ts';

export interface JobPlan {
  /** Where a task is to run that hasn't run there yet. */
  readonly create: readonly Place[];
  /** Tasks of an earlier spec, and those that aren't needed any more. */
  readonly remove: readonly TaskObject[];
}

export interface ReplicatedJob {
  readonly totalCompletions: number;
  readonly maxConcurrent: number;
}

/** A slot is filled once: by a task that completes, and those that take its place until one does or is given up. */
export function planReplicatedJob(job: ReplicatedJob, specVersion: number, tasks: readonly TaskObject[]): JobPlan {
  const { fresh, stale } = byVersion(specVersion, tasks);
  const slots = slotsOf(fresh);
  const active = slots.filter((slot) => !isCompleted(slot) && isWanted(slot.current)).length;
  const surplus = slots.filter((slot) => slot.slot > job.totalCompletions && !isCompleted(slot));
  const filled = new Set(slots.map(({ slot }) => slot));
  const room = Math.max(job.maxConcurrent - active + surplus.length, 0);
  const create: Place[] = [];
  for (let slot = 1; slot <= job.totalCompletions && create.length < room; slot += 1) {
    if (!filled.has(slot)) create.push({ slot, nodeId: '' });
  }
  return { create, remove: [...stale, ...surplus.flatMap(tasksOf)] };
}

/** Once on each node that a global service would be on; a node that comes later has its turn then. */
export function planGlobalJob(
  nodes: readonly NodeObject[],
  rules: PlacementRules,
  specVersion: number,
  tasks: readonly TaskObject[],
): JobPlan {
  const { fresh, stale } = byVersion(specVersion, tasks);
  const { create, remove } = planPlacement(nodes, rules, slotsOf(fresh));
  return {
    create: create.map((nodeId) => ({ slot: 0, nodeId })),
    remove: [...stale, ...remove.filter((slot) => !isCompleted(slot)).flatMap(tasksOf)],
  };
}

/** Slots in which a task with this spec has completed. */
export function completedSlots(specVersion: number, tasks: readonly TaskObject[]): number {
  return slotsOf(byVersion(specVersion, tasks).fresh).filter(isCompleted).length;
}

function byVersion(specVersion: number, tasks: readonly TaskObject[]) {
  const present = tasks.filter(({ desiredState }) => desiredState < TaskState.REMOVE);
  return {
    fresh: present.filter((task) => task.specVersion === specVersion),
    stale: present.filter((task) => task.specVersion !== specVersion),
  };
}

function isCompleted(slot: Slot): boolean {
  return tasksOf(slot).some(({ status }) => status.state === TaskState.COMPLETE);
}

function tasksOf({ current, history }: Slot): TaskObject[] {
  return [current, ...history];
}
