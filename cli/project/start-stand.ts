/**
 * Whether a project's service has started, as `compose up` means it: a container that has ended has started, too. Pure.
 */
import {
  type Dependency,
  DependencyCondition,
  RestartCondition,
  type Service,
  type Task,
  TaskState,
} from '../../proto/generated/gantry/v1/types.ts';
import { taskName, taskStateName } from '../format/rows/task-row.ts';
import { updateKey, updateStand } from '../rollout/update-stand.ts';
import { currentTasks, hasEnded, hasRun, isRunning } from './project-state.ts';

/** What is waited for: that its process runs or has run; that it is healthy, or has done its work; that it has done that. */
export type StartGoal = 'started' | 'healthy' | 'completed';

export interface ProjectView {
  readonly services: ReadonlyMap<string, Service>;
  readonly tasks: ReadonlyMap<string, Task>;
  /** Of earlier: no verdict on what is started now. */
  readonly earlierTasks: ReadonlySet<string>;
  readonly earlierUpdates: ReadonlySet<string>;
}

export type StartStand =
  | { readonly kind: 'started' }
  | { readonly kind: 'waiting'; readonly reason: string }
  /** It will not get better by waiting. `task`: whose failure it is, as far as it is one's. */
  | { readonly kind: 'failed'; readonly reason: string; readonly task: Task | undefined };

/** So many failures of one that is restarted are no accident. */
const HOPELESS_FAILURES = 3;

export function startStand(service: Service, view: ProjectView, goal: StartGoal): StartStand {
  if (service.startsAgain) return { kind: 'waiting', reason: 'stopping' };
  const tasks = tasksOf(service, view);
  const current = currentTasks(tasks).filter(({ desiredState }) => desiredState < TaskState.REMOVE);
  const isUp = (task: Task) => isAsWanted(task, goal);
  if (current.length >= wantedTasks(service) && current.every(isUp)) return { kind: 'started' };
  const failed = failedTask(service, tasks, view, goal);
  if (failed !== undefined) return { kind: 'failed', reason: failureReason(failed), task: failed };
  const dependency = service.dependenciesMet ? undefined : failedDependency(service, view);
  if (dependency !== undefined) return dependency;
  const update = updateStand(service.updateStatus);
  if (update.stand === 'halted' && !view.earlierUpdates.has(updateKey(service))) {
    return { kind: 'failed', reason: update.message, task: view.tasks.get(update.failedTaskId) };
  }
  const behind = current.find((task) => !isUp(task));
  return { kind: 'waiting', reason: behind === undefined ? 'waiting for its containers' : waitingReason(behind) };
}

/** "starting: waiting to be healthy" */
function waitingReason({ status }: Task): string {
  const word = taskStateName(status?.state ?? TaskState.NEW).toLowerCase();
  const words = status?.error || status?.message || '';
  return words === '' || words === word ? word : `${word}: ${words}`;
}

function tasksOf({ id, specVersion }: Service, { tasks }: ProjectView): Task[] {
  return [...tasks.values()].filter((task) => task.serviceId === id && task.specVersion === specVersion);
}

function isAsWanted(task: Task, goal: StartGoal): boolean {
  if (goal === 'completed') return task.status?.state === TaskState.COMPLETE;
  return goal === 'healthy' ? isHealthy(task) : isRunning(task) || hasRun(task);
}

function isHealthy({ status }: Task): boolean {
  return status?.state === TaskState.RUNNING || status?.state === TaskState.COMPLETE;
}

/** Of a global service, or job, as many as there are: they are made all at once. */
function wantedTasks({ spec }: Service): number {
  const mode = spec?.mode;
  if (mode?.$case === 'replicated') return mode.value.replicas;
  return mode?.$case === 'replicatedJob' ? Math.min(mode.value.totalCompletions, mode.value.maxConcurrent) : 1;
}

function failedTask(service: Service, tasks: readonly Task[], view: ProjectView, goal: StartGoal): Task | undefined {
  const failures = tasks.filter((task) => {
    const state = task.status?.state;
    const failed = state === TaskState.REJECTED || state === TaskState.FAILED;
    return failed && !view.earlierTasks.has(task.id) && (goal !== 'started' || !hasRun(task));
  });
  return failures.length >= failureBound(service) ? failures.at(-1) : undefined;
}

function failureBound({ spec }: Service): number {
  const { condition = RestartCondition.ANY, maxAttempts = 0 } = spec?.task?.restart ?? {};
  if (condition === RestartCondition.NONE) return 1;
  return maxAttempts === 0 ? HOPELESS_FAILURES : Math.min(HOPELESS_FAILURES, maxAttempts + 1);
}

function failureReason(task: Task): string {
  const { error = '', message = '', exitCode = 0 } = task.status ?? {};
  return `${taskName(task)}: ${error || message || `exited with code ${exitCode}`}`;
}

function failedDependency({ spec, notAwaited }: Service, view: ProjectView): StartStand | undefined {
  for (const dependency of spec?.dependencies ?? []) {
    if (notAwaited.includes(dependency.service)) continue;
    const failed = dependencyFailure(dependency, view);
    if (failed !== undefined) return failed;
  }
  return undefined;
}

function dependencyFailure({ service: name, condition }: Dependency, view: ProjectView): StartStand | undefined {
  const target = [...view.services.values()].find(({ spec }) => spec?.annotations?.name === name);
  if (target === undefined || condition === DependencyCondition.STARTED) return undefined;
  const tasks = tasksOf(target, view);
  const current = currentTasks(tasks);
  const givenUp = current.find((task) => hasEnded(task) && task.desiredState > TaskState.RUNNING && !isHealthy(task));
  if (condition === DependencyCondition.COMPLETED) {
    if (givenUp === undefined || current.some(({ status }) => status?.state === TaskState.COMPLETE)) return undefined;
    const reason = `service "${name}" didn't complete successfully: exit ${givenUp.status?.exitCode ?? 0}`;
    return { kind: 'failed', reason, task: givenUp };
  }
  const failed = givenUp ?? failedTask(target, tasks, view, 'healthy');
  const reason = failed === undefined ? '' : `dependency failed to start: ${failureReason(failed)}`;
  return failed === undefined ? undefined : { kind: 'failed', reason, task: failed };
}
