/** Whether what a service depends on is so. Pure. */
import { type Dependency, DependencyCondition, TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import type { ServiceObject } from '../../store/service.ts';
import { hasEnded, isWanted, type TaskObject } from '../../store/task.ts';
import { type Slot, slotsOf } from '../slots.ts';

const WORDS: Readonly<Record<DependencyCondition, string>> = {
  [DependencyCondition.STARTED]: 'started',
  [DependencyCondition.HEALTHY]: 'healthy',
  [DependencyCondition.COMPLETED]: 'complete',
  [DependencyCondition.UNRECOGNIZED]: 'ready',
};

/** What is waited for, in words for a user; undefined: the condition holds. */
export function unmetDependency(
  dependency: Dependency,
  target: ServiceObject | undefined,
  tasks: readonly TaskObject[],
): string | undefined {
  if (target === undefined) {
    return dependency.optional ? undefined : `waiting for service ${dependency.service}, which does not exist`;
  }
  if (target.stopped && !dependency.optional) return `waiting for service ${dependency.service}, which is stopped`;
  const slots = slotsOf(tasks);
  const isDone = (slot: Slot) => holds(dependency.condition, slot) || (dependency.optional && hasEnded(slot.current));
  const met = slots.length >= desiredSlots(target) && slots.every(isDone);
  return met ? undefined : `waiting for service ${dependency.service} to be ${WORDS[dependency.condition]}`;
}

/** Of a global service that has no node yet there must be at least one. */
function desiredSlots(service: ServiceObject): number {
  const { mode } = service.spec;
  if (mode?.$case === 'replicatedJob') return mode.value.totalCompletions;
  return mode?.$case === 'replicated' ? mode.value.replicas : 1;
}

function holds(condition: DependencyCondition, { current, history }: Slot): boolean {
  switch (condition) {
    case DependencyCondition.HEALTHY:
      // A task with a healthcheck is RUNNING once it is healthy.
      return isWanted(current) && current.status.state === TaskState.RUNNING;
    case DependencyCondition.COMPLETED:
      return [current, ...history].some((task) => task.status.state === TaskState.COMPLETE);
    default:
      return [current, ...history].some(hasStarted);
  }
}

/** Its process has run, healthy or not. */
function hasStarted({ status }: TaskObject): boolean {
  if (status.state === TaskState.RUNNING || status.state === TaskState.COMPLETE) return true;
  return status.state >= TaskState.STARTING && status.pid > 0;
}
