/** One container's worth of a service, on one node: made once, moves forward, is replaced and never revived. */
import { type Meta, type Task, TaskState, type TaskStatus } from '../../proto/generated/gantry/v1/types.ts';
import { transitionProblem } from '../../proto/task-lifecycle.ts';
import { slotName } from '../../proto/task-name.ts';
import { canonical } from './canonical.ts';
import { localVolumesOf } from './local-volumes.ts';
import { completeMeta, type ObjectType, STACK_LABEL, stackKeys } from './object-type.ts';
import { type CompleteTaskSpec, completeTaskSpec, usedIds } from './service.ts';

export interface TaskObject extends Readonly<Omit<Task, 'meta' | 'spec' | 'status'>> {
  readonly meta: Meta;
  readonly spec: CompleteTaskSpec;
  readonly status: TaskStatus;
}

export const NO_TASK_STATUS: TaskStatus = canonical({
  state: TaskState.NEW,
  timestampMs: 0,
  message: '',
  error: '',
  containerId: '',
  pid: 0,
  exitCode: 0,
  oomKilled: false,
  addresses: [],
  startedAtMs: 0,
  endedAtMs: 0,
  sharedPaths: [],
});

const NONE: readonly string[] = [];

export const taskType: ObjectType<Task, TaskObject, 'service' | 'node' | 'stack' | 'uses' | 'volume'> = {
  complete: (raw) => ({
    ...raw,
    meta: completeMeta(raw.meta),
    spec: completeTaskSpec(raw.spec),
    status: raw.status ?? NO_TASK_STATUS,
  }),
  nameOf: () => undefined,
  changeProblem,
  indexes: {
    service: (task) => [task.serviceId],
    node: (task) => (task.nodeId === '' ? [] : [task.nodeId]),
    stack: (task) => stackKeys(task.serviceLabels),
    uses: (task) => usedIds(task.spec),
    // Of tasks of a global service, which are where they are, none.
    volume: (task) => (task.slot === 0 ? NONE : localVolumesOf(task.spec)),
  },
};

/** Whoever writes: a state only goes forward, and so does what is wanted. */
function changeProblem(before: TaskObject, after: TaskObject): string | undefined {
  if (after.desiredState < before.desiredState) return 'what is wanted of it never goes back';
  const { state } = before.status;
  const problem = transitionProblem(state, after.status.state, 'agent');
  return problem && transitionProblem(state, after.status.state, 'manager');
}

/** What a task and the ones that replace it share: service and slot, or service and node for a global service. */
export function slotKey(task: Pick<Task, 'serviceId' | 'slot' | 'nodeId'>): string {
  return `${task.serviceId}.${slotName(task)}`;
}

export function stackOf(task: Pick<Task, 'serviceLabels'>): string | undefined {
  return task.serviceLabels[STACK_LABEL];
}

/** The task has ended by itself or by order: its container doesn't run, and won't again. */
export function hasEnded(task: Pick<TaskObject, 'status'>): boolean {
  return task.status.state > TaskState.RUNNING;
}

/** It has a node, and an address on each of its networks there, or is about to. */
export function needsAddress(task: Pick<TaskObject, 'status'>): boolean {
  return task.status.state >= TaskState.ASSIGNED && !hasEnded(task);
}

/** Since when it runs: by the managers' clocks, unless it ran before they noted that. */
export function runningSinceMs({ status }: Pick<TaskObject, 'status'>): number {
  return status.startedAtMs === 0 ? status.timestampMs : status.startedAtMs;
}

/** The task is meant to run, now or later. */
export function isWanted(task: Pick<TaskObject, 'desiredState'>): boolean {
  return task.desiredState <= TaskState.RUNNING;
}
