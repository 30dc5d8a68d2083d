/**
 * What to do next for a task: a function of its record and of its container, without I/O or clock. Each step is
 * done once and may be lost to a crash between any two: the next call sees how far the world has really come.
 */
import { type Container, ContainerStatus, HealthStatus } from '../../proto/generated/gantry/v1/engine.ts';
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { sharedPart, sharedService } from '../../proto/shared-namespaces.ts';
import { localRestartAt } from './local-restart.ts';
import { clearPreStarts, nextPreStart, type PreStartStep, presentPreStart, runsPreStarts } from './pre-start.ts';
import type { HookState } from './task-hooks.ts';
import type { PullState } from './task-pulls.ts';
import { isFinal, type TaskRecord } from './task-record.ts';

export interface Observed {
  readonly container: Container | undefined;
  /** Those of its pre_start hooks. */
  readonly preStarts: readonly Container[];
  /** Of the task whose network it is on; undefined, too, where there is none such. */
  readonly networkPeer: Container | undefined;
  /** What the container is made of that isn't on this node (yet), in words: "network x1". */
  readonly missing: readonly string[];
  /** How far its image is; undefined when it has asked for none. */
  readonly pull: PullState | undefined;
  /** How far its present hook is; undefined while none has begun. */
  readonly hook: HookState | undefined;
  /** Since when this node has no manager; undefined while it has one. */
  readonly aloneSinceMs: number | undefined;
  readonly nowMs: number;
}

export type Step =
  /** Only the status changes. */
  | { readonly kind: 'advance'; readonly state: TaskState; readonly message: string; readonly error: string }
  | { readonly kind: 'create' }
  | { readonly kind: 'start' }
  | PreStartStep
  /** Starts it again, because nobody else would. */
  | { readonly kind: 'restart' }
  /** Runs the next of its post_start hooks in the container. */
  | { readonly kind: 'beginHook'; readonly index: number }
  /** That one has succeeded. */
  | { readonly kind: 'countHook'; readonly done: number }
  /** Breaks off the hook that runs, if it still does. */
  | { readonly kind: 'leaveHook' }
  /** Writes down why the task fails, before its container is stopped for it. */
  | { readonly kind: 'condemn'; readonly failure: string }
  | { readonly kind: 'stop' }
  /** Stops it when it has answered what it was asked. */
  | { readonly kind: 'retire' }
  | { readonly kind: 'remove' }
  /** Gives up what it has of the pull of its image. */
  | { readonly kind: 'leavePull' }
  /** Nothing is left of the task. */
  | { readonly kind: 'forget' }
  /** Nothing to do until something changes, or until the time given. */
  | { readonly kind: 'wait'; readonly message: string; readonly untilMs: number | undefined };

type Decision = (record: TaskRecord, observed: Observed) => Step;

/** How each state moves on while the task is wanted. */
const TOWARDS_RUNNING: Record<TaskState, Decision> = {
  [TaskState.NEW]: () => advance(TaskState.ACCEPTED, 'accepted'),
  [TaskState.PENDING]: () => advance(TaskState.ACCEPTED, 'accepted'),
  [TaskState.ASSIGNED]: () => advance(TaskState.ACCEPTED, 'accepted'),
  [TaskState.ACCEPTED]: () => advance(TaskState.PREPARING, 'preparing'),
  [TaskState.PREPARING]: prepare,
  [TaskState.READY]: awaitGo,
  [TaskState.STARTING]: awaitRunning,
  [TaskState.RUNNING]: supervise,
  [TaskState.COMPLETE]: rest,
  [TaskState.SHUTDOWN]: rest,
  [TaskState.FAILED]: rest,
  [TaskState.REJECTED]: rest,
  [TaskState.REMOVE]: rest,
  [TaskState.ORPHANED]: rest,
  // A state of a newer manager's: this agent can't know what comes after it.
  [TaskState.UNRECOGNIZED]: rest,
};

export function nextStep(record: TaskRecord, observed: Observed): Step {
  if (observed.pull !== undefined && !wantsImage(record)) return { kind: 'leavePull' };
  if (observed.hook !== undefined && !runsHooks(record)) return { kind: 'leaveHook' };
  const isCleared = !record.assigned || record.task.desiredState >= TaskState.REMOVE;
  const leftOver = clearPreStarts(record, observed.preStarts, isCleared);
  if (leftOver !== undefined) return leftOver;
  if (isCleared) return clearAway(record, observed);
  if (record.task.desiredState >= TaskState.SHUTDOWN) return shutDown(record, observed);
  return TOWARDS_RUNNING[record.status.state](record, observed);
}

function prepare({ task }: TaskRecord, { container, missing, pull, networkPeer }: Observed): Step {
  if (container !== undefined) return advance(TaskState.READY, 'prepared');
  if (lacksNetwork(task, networkPeer)) return waitForNetwork(task);
  if (missing.length > 0) return wait(`waiting for ${missing.join(', ')}`);
  if (pull?.kind === 'pulling') return wait(pull.doing);
  if (pull?.kind === 'failed') return advance(TaskState.REJECTED, 'rejected', pull.error);
  return { kind: 'create' };
}

/** Its own, or that of its present pre_start hook. */
function wantsImage(record: TaskRecord): boolean {
  const { assigned, task, status } = record;
  if (runsPreStarts(record)) return presentPreStart(record) !== undefined;
  return assigned && task.desiredState < TaskState.SHUTDOWN && status.state === TaskState.PREPARING;
}

function awaitGo({ task }: TaskRecord, { nowMs }: Observed): Step {
  if (task.desiredState < TaskState.RUNNING) return wait('prepared');
  if (nowMs < task.startAfterMs) return wait('waiting before the next attempt', task.startAfterMs);
  return advance(TaskState.STARTING, 'starting');
}

function awaitRunning(record: TaskRecord, observed: Observed): Step {
  const { container } = observed;
  if (container === undefined) return gone();
  if (container.state?.status === ContainerStatus.CREATED) {
    if (lacksNetwork(record.task, observed.networkPeer)) return waitForNetwork(record.task);
    return nextPreStart(record, observed) ?? { kind: 'start' };
  }
  if (!isAlive(container)) return finish(record, container, observed);
  if (isCondemned(record, container)) return endCondemned(record, container);
  if (isLeftBehind(container, observed.networkPeer)) return { kind: 'condemn', failure: LEFT_BEHIND };
  const hookStep = nextHook(record, observed);
  if (hookStep !== undefined) return hookStep;
  if (container.state?.health === HealthStatus.STARTING) return wait('waiting until it is healthy');
  return advance(TaskState.RUNNING, 'started');
}

function supervise(record: TaskRecord, observed: Observed): Step {
  const { container } = observed;
  if (container === undefined) return gone();
  if (!isAlive(container)) return finish(record, container, observed);
  if (isCondemned(record, container)) return endCondemned(record, container);
  if (isLeftBehind(container, observed.networkPeer)) return { kind: 'condemn', failure: LEFT_BEHIND };
  return nextHook(record, observed) ?? wait('started');
}

/** Undefined when all have run. */
function nextHook({ task, hooksDone }: TaskRecord, { hook }: Observed): Step | undefined {
  if (hooksDone >= (task.spec?.container?.postStart.length ?? 0)) return undefined;
  switch (hook?.kind) {
    case undefined:
      return { kind: 'beginHook', index: hooksDone };
    case 'running':
      return wait(`running post_start hook ${hooksDone + 1}`);
    case 'failed':
      return { kind: 'condemn', failure: hook.error };
    case 'done':
      return { kind: 'countHook', done: hooksDone + 1 };
  }
}

/** As long as it is wanted and nothing has gone wrong. */
function runsHooks({ assigned, task, status, failure }: TaskRecord): boolean {
  if (!assigned || task.desiredState >= TaskState.SHUTDOWN || failure !== '') return false;
  return status.state === TaskState.STARTING || status.state === TaskState.RUNNING;
}

/** A task whose life is over leaves no process behind, whatever its end was. */
function rest({ status }: TaskRecord, { container }: Observed): Step {
  return container !== undefined && isAlive(container) ? { kind: 'stop' } : wait(status.message);
}

function shutDown(record: TaskRecord, observed: Observed): Step {
  if (isFinal(record.status.state)) return rest(record, observed);
  if (observed.container !== undefined && isAlive(observed.container)) return end(record);
  return advance(TaskState.SHUTDOWN, 'shutdown');
}

/** One that works is sent nothing any more by now, but may be asked something still. */
function end({ status, failure, assigned }: TaskRecord): Step {
  return { kind: assigned && failure === '' && status.state === TaskState.RUNNING ? 'retire' : 'stop' };
}

/** As shutDown, and then the container goes, with its files; the manager hears of the end before that. */
function clearAway(record: TaskRecord, observed: Observed): Step {
  if (observed.container !== undefined && isAlive(observed.container)) return end(record);
  if (record.assigned && !isFinal(record.status.state)) return advance(TaskState.SHUTDOWN, 'shutdown');
  if (observed.container !== undefined) return { kind: 'remove' };
  return record.assigned ? wait(record.status.message) : { kind: 'forget' };
}

const LEFT_BEHIND = 'the container whose network or namespaces it shared was started again, with others';

/** Its container can't be on a network of one that doesn't run. */
function lacksNetwork({ networkTaskId }: TaskRecord['task'], networkPeer: Container | undefined): boolean {
  return networkTaskId !== undefined && (networkPeer === undefined || !isAlive(networkPeer));
}

function waitForNetwork({ spec }: TaskRecord['task']): Step {
  const container = spec?.container;
  const service = container && sharedService(container);
  return wait(
    `waiting for the task of ${service ?? 'another service'} whose ${container ? sharedPart(container) : 'network'} it shares`,
  );
}

/** While nobody replaces tasks, this node starts them again on the spot, and what is on the old network is cut off. */
function isLeftBehind({ state }: Container, networkPeer: Container | undefined): boolean {
  if (networkPeer === undefined || !isAlive(networkPeer)) return false;
  return (networkPeer.state?.startedAtMs ?? 0) > (state?.startedAtMs ?? 0);
}

function isCondemned(record: TaskRecord, container: Container): boolean {
  return record.failure !== '' || container.state?.health === HealthStatus.UNHEALTHY;
}

function endCondemned(record: TaskRecord, container: Container): Step {
  if (record.failure !== '') return { kind: 'stop' };
  const output = container.state?.healthOutput.trim().split('\n').at(-1) ?? '';
  return { kind: 'condemn', failure: output === '' ? 'unhealthy' : `unhealthy: ${output}` };
}

function finish(record: TaskRecord, container: Container, { aloneSinceMs, nowMs, networkPeer }: Observed): Step {
  const error = record.failure || exitError(container);
  const restartAtMs = aloneSinceMs === undefined ? undefined : restartAt(record, container, error, aloneSinceMs);
  if (restartAtMs !== undefined) {
    if (lacksNetwork(record.task, networkPeer)) return waitForNetwork(record.task);
    return nowMs < restartAtMs ? wait(record.status.message, restartAtMs) : { kind: 'restart' };
  }
  return error === '' ? advance(TaskState.COMPLETE, 'finished') : advance(TaskState.FAILED, 'failed', error);
}

function restartAt(
  { task, restartsMs }: TaskRecord,
  { state }: Container,
  error: string,
  aloneSinceMs: number,
): number | undefined {
  const outcome = error === '' ? 'complete' : 'failed';
  const endedAtMs = state?.finishedAtMs ?? 0;
  return localRestartAt({ policy: task.spec?.restart, outcome, endedAtMs, restartsMs, aloneSinceMs });
}

/** Why the container's end is a failure; empty when it isn't one. */
function exitError({ state }: Container): string {
  if (state === undefined) return 'the container ended in an unknown way';
  if (state.oomKilled) return `out of memory (exit code ${state.exitCode})`;
  if (state.error !== '') return state.error;
  return state.exitCode === 0 ? '' : `exit code ${state.exitCode}`;
}

function gone(): Step {
  return advance(TaskState.FAILED, 'failed', 'its container is gone');
}

function isAlive(container: Container): boolean {
  switch (container.state?.status) {
    case ContainerStatus.RUNNING:
    case ContainerStatus.PAUSED:
    case ContainerStatus.RESTARTING:
      return true;
    default:
      return false;
  }
}

function advance(state: TaskState, message: string, error = ''): Step {
  return { kind: 'advance', state, message, error };
}

function wait(message: string, untilMs?: number): Step {
  return { kind: 'wait', message, untilMs };
}
