/** Making tasks, and telling them to stop. All pure. */
import { NodeState, RestartCondition, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { furtherState } from '../../proto/task-lifecycle.ts';
import type { NodeObject } from '../store/node.ts';
import type { ServiceObject } from '../store/service.ts';
import { hasEnded, NO_TASK_STATUS, type TaskObject } from '../store/task.ts';
import type { NewObject } from '../store/transaction.ts';

/** Where a task belongs: a slot of a replicated service (nodeId empty), or a node for a global one (slot 0). */
export interface Place {
  readonly slot: number;
  readonly nodeId: string;
}

export function newTask(service: ServiceObject, place: Place, id: string, nowMs: number): NewObject<'task'> {
  return {
    id,
    serviceId: service.id,
    serviceName: service.spec.annotations.name,
    slot: place.slot,
    nodeId: place.nodeId,
    spec: service.spec.task,
    specVersion: service.specVersion,
    desiredState: TaskState.RUNNING,
    status: { ...NO_TASK_STATUS, state: TaskState.PENDING, timestampMs: nowMs },
    ports: service.ports,
    serviceLabels: service.spec.annotations.labels,
    startAfterMs: 0,
    genericResources: [],
  };
}

/**
 * A task that takes another's place, made from what that one was made from: during an update that is stuck, the
 * tasks that still run the old version keep running it.
 */
export function replacement(old: TaskObject, id: string, nowMs: number, startAfterMs: number): NewObject<'task'> {
  const { meta: _, ...fields } = old;
  return {
    ...fields,
    id,
    nodeId: old.slot === 0 ? old.nodeId : '',
    desiredState: TaskState.RUNNING,
    status: {
      ...NO_TASK_STATUS,
      state: TaskState.PENDING,
      timestampMs: nowMs,
      message: startAfterMs > nowMs ? `waiting ${(startAfterMs - nowMs) / 1000} s before the restart` : '',
    },
    startAfterMs,
    genericResources: [],
    networkTaskId: undefined,
    runsPreStart: undefined,
  };
}

/**
 * The task with at least this desired state. One that no agent has been given is done at once: nobody else
 * would report it stopped.
 */
export function order(task: TaskObject, desiredState: TaskState, nowMs: number): TaskObject {
  const ordered = { ...task, desiredState: furtherState(task.desiredState, desiredState) };
  if (task.status.state >= TaskState.ASSIGNED) return ordered;
  return {
    ...ordered,
    status: { ...task.status, state: TaskState.SHUTDOWN, timestampMs: nowMs, message: 'was not started' },
  };
}

/** Of a node that was removed: nobody will hear of it again. One that has ended stays as it is. */
export function orphaned(task: TaskObject, nowMs: number): TaskObject {
  if (hasEnded(task) || task.status.state < TaskState.ASSIGNED) return task;
  const status = { ...task.status, state: TaskState.ORPHANED, timestampMs: nowMs, message: 'its node was removed' };
  return { ...task, status };
}

/** It ended by itself, and by its restart policy that is that: what was stopped by order ends in SHUTDOWN, what was lost in ORPHANED. */
export function isDoneWith({ status, spec }: TaskObject): boolean {
  if (!hasEnded({ status }) || status.state === TaskState.SHUTDOWN || status.state === TaskState.ORPHANED) return false;
  const { condition = RestartCondition.ANY, maxAttempts = 0 } = spec.restart ?? {};
  const isRestarted = status.state === TaskState.COMPLETE ? RestartCondition.ANY : RestartCondition.ON_FAILURE;
  return maxAttempts > 0 || (condition !== RestartCondition.ANY && condition !== isRestarted);
}

/** The node is gone or unreachable: what ran there can't be waited for. */
export function isLost(node: NodeObject | undefined): boolean {
  return node === undefined || node.status.state === NodeState.DOWN;
}

/** The task's container doesn't run any more, as far as can be known. */
export function hasStopped(task: TaskObject, node: NodeObject | undefined): boolean {
  return hasEnded(task) || task.status.state < TaskState.ASSIGNED || isLost(node);
}
