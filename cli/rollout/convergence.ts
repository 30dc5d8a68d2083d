/**
 * Whether services have become what was asked for, decided from what the cluster knows of them. Pure: the same
 * objects always give the same answer.
 */
import {
  type Node,
  RestartCondition,
  type Service,
  type Task,
  TaskState,
} from '../../proto/generated/gantry/v1/types.ts';
import { constraintsOf, unmetOf } from '../../proto/node-match.ts';
import { isJob } from '../../proto/service-mode.ts';
import { type UpdateStand, updateKey, updateStand } from './update-stand.ts';

export interface Observed {
  readonly services: ReadonlyMap<string, Service>;
  readonly tasks: ReadonlyMap<string, Task>;
  /** That new tasks may go to, as far as a service's constraints let them. */
  readonly usableNodes: readonly Node[];
  /** Tasks that had failed before this rollout: no verdict on it. */
  readonly ignoredFailures: ReadonlySet<string>;
  /** Updates that were paused or rolled back before this rollout, by `updateKey`. */
  readonly ignoredUpdates: ReadonlySet<string>;
}

export type ServiceProgress =
  | { readonly kind: 'done'; readonly running: number; readonly desired: number }
  | { readonly kind: 'waiting'; readonly running: number; readonly desired: number; readonly reason: string }
  /** It will not get better by waiting. */
  | { readonly kind: 'failed'; readonly running: number; readonly desired: number; readonly task: Task }
  /** The managers have given up the update. `task`: whose failure it was, as far as it is known. */
  | {
      readonly kind: 'halted';
      readonly running: number;
      readonly desired: number;
      readonly message: string;
      readonly hint: string;
      readonly task: Task | undefined;
    };

/** So many failures of one slot with the same spec are no accident. */
const HOPELESS_FAILURES = 3;

export function serviceProgress(service: Service, observed: Observed): ServiceProgress {
  const tasks = [...observed.tasks.values()].filter(
    (task) => task.serviceId === service.id && task.specVersion === service.specVersion,
  );
  const live = tasks.filter((task) => task.desiredState <= TaskState.COMPLETE || isFinished(service, task));
  const isUp = upIn(service);
  const running = live.filter(isUp).length;
  const desired = desiredTasks(service, observed);
  const stand = standOf(service, observed);
  if (stand.stand === 'halted') {
    const { message, hint, failedTaskId } = stand;
    return { kind: 'halted', running, desired, message, hint, task: observed.tasks.get(failedTaskId) };
  }
  // While an update goes on the managers decide what to make of failures.
  const goesOn = stand.stand === 'goes-on';
  const failed = goesOn ? undefined : hopelessTask(service, tasks, observed.ignoredFailures);
  if (failed !== undefined && running < desired) return { kind: 'failed', running, desired, task: failed };
  if (running === desired && live.every(isUp) && !hasLeftovers(service, observed)) {
    if (stand.stand !== 'goes-on') return { kind: 'done', running, desired };
    return { kind: 'waiting', running, desired, reason: stand.reason };
  }
  return { kind: 'waiting', running, desired, reason: waitingReason(live, service, observed) };
}

function standOf(service: Service, { ignoredUpdates }: Observed): UpdateStand {
  const stand = updateStand(service.updateStatus);
  return stand.stand === 'halted' && ignoredUpdates.has(updateKey(service)) ? { stand: 'settled' } : stand;
}

/** Running, or finished as it should: a service that isn't restarted may complete, and a job's tasks have to. */
function upIn(service: Service): (task: Task) => boolean {
  const isFine = isJob(service.spec) ? [TaskState.COMPLETE] : [TaskState.RUNNING, TaskState.COMPLETE];
  return ({ status }) => isFine.some((state) => state === status?.state);
}

/** It did what it was for, and nothing takes its place: the manager asks no more of it. */
function isFinished(service: Service, { status, desiredState }: Task): boolean {
  const restarts = restartCondition(service) === RestartCondition.ANY;
  return !restarts && status?.state === TaskState.COMPLETE && desiredState === TaskState.SHUTDOWN;
}

function restartCondition(service: Service): RestartCondition {
  return service.spec?.task?.restart?.condition ?? RestartCondition.ANY;
}

function desiredTasks(service: Service, observed: Observed): number {
  if (service.stopped) return 0;
  const mode = service.spec?.mode;
  if (mode?.$case === 'global' || mode?.$case === 'globalJob') return eligibleNodes(service, observed);
  return mode?.$case === 'replicatedJob' ? mode.value.totalCompletions : (mode?.value.replicas ?? 0);
}

/** How many tasks a global service, or job, is to have. */
function eligibleNodes({ spec }: Service, { usableNodes }: Observed): number {
  const constraints = constraintsOf(spec?.placement);
  return usableNodes.filter((node) => unmetOf(constraints, node) === undefined).length;
}

/** Tasks of an earlier spec, or beyond the replicas, that still run. */
function hasLeftovers(service: Service, observed: Observed): boolean {
  return [...observed.tasks.values()].some(
    (task) => task.serviceId === service.id && task.specVersion !== service.specVersion && isAlive(task),
  );
}

function isAlive({ status }: Task): boolean {
  const state = status?.state ?? TaskState.NEW;
  return state >= TaskState.ASSIGNED && state <= TaskState.RUNNING;
}

export function hasFailed({ status }: Task): boolean {
  return status?.state === TaskState.FAILED || status?.state === TaskState.REJECTED;
}

/** The last failure of a slot that has failed so often that trying on is no use; undefined when there is none. */
function hopelessTask(service: Service, tasks: readonly Task[], ignored: ReadonlySet<string>): Task | undefined {
  const bound = failureBound(service);
  // Nothing follows a task that isn't restarted: its failure stays the verdict, however old it is.
  const isFinal = restartCondition(service) === RestartCondition.NONE;
  const failures = tasks.filter((task) => hasFailed(task) && (isFinal || !ignored.has(task.id))).sort(byTime);
  const bySlot = Map.groupBy(failures, ({ slot, nodeId }) => (slot === 0 ? nodeId : slot));
  for (const group of bySlot.values()) {
    if (group.length >= bound) return group.at(-1);
  }
  return undefined;
}

function failureBound(service: Service): number {
  const restart = service.spec?.task?.restart;
  if (restartCondition(service) === RestartCondition.NONE) return 1;
  const attempts = restart?.maxAttempts ?? 0;
  return attempts === 0 ? HOPELESS_FAILURES : Math.min(HOPELESS_FAILURES, attempts + 1);
}

function byTime(a: Task, b: Task): number {
  return (a.status?.timestampMs ?? 0) - (b.status?.timestampMs ?? 0);
}

/** What the tasks are doing that aren't up, those that are furthest behind first: "2 preparing: pulling web:2; 1 starting". */
function waitingReason(live: readonly Task[], service: Service, observed: Observed): string {
  const state = (task: Task) => task.status?.state ?? TaskState.NEW;
  const isUp = upIn(service);
  const behind = live.filter((task) => !isUp(task)).sort((a, b) => state(a) - state(b) || a.slot - b.slot);
  if (behind.length > 0) return tally(behind.map(taskReason));
  if (!service.dependenciesMet && (service.spec?.dependencies.length ?? 0) > 0) return 'waiting for its dependencies';
  return hasLeftovers(service, observed) ? 'stopping the tasks it had before' : 'waiting for its tasks';
}

const MOST_REASONS = 3;

/** Each once, with the number of tasks that it is true of where that isn't all of them. */
function tally(reasons: readonly string[]): string {
  const counts = [...Map.groupBy(reasons, (reason) => reason)].map(([reason, same]) => ({
    reason,
    count: same.length,
  }));
  const [only] = counts;
  if (counts.length === 1 && only !== undefined) return only.reason;
  const shown = counts.slice(0, MOST_REASONS).map(({ reason, count }) => `${count} ${reason}`);
  const rest = counts.slice(MOST_REASONS).reduce((sum, { count }) => sum + count, 0);
  return [...shown, ...(rest > 0 ? [`${rest} more`] : [])].join('; ');
}

const STATE_WORDS: ReadonlyMap<TaskState, string> = new Map(
  Object.entries(TaskState).map(([name, value]) => [value, name.toLowerCase()]),
);

function taskReason({ status }: Task): string {
  const word = STATE_WORDS.get(status?.state ?? TaskState.NEW) ?? 'unknown';
  const words = [status?.error, status?.message].find((text) => text !== undefined && text !== '' && text !== word);
  return words === undefined ? word : `${word}: ${words}`;
}

/** The failure a user should see when time runs out: the latest of the services that aren't done. */
export function latestFailure(services: readonly Service[], observed: Observed): Task | undefined {
  const versions = new Map(services.map(({ id, specVersion }) => [id, specVersion]));
  return [...observed.tasks.values()]
    .filter((task) => versions.get(task.serviceId) === task.specVersion && hasFailed(task))
    .sort(byTime)
    .at(-1);
}
