/**
 * A task's pre_start hooks: containers of their own that run to their ends, one after the other, before its own is started.
 * Which step is next, as a function of the record and of the containers there are; see next-step.ts. Pure.
 */
import { type Container, ContainerStatus } from '../../proto/generated/gantry/v1/engine.ts';
import { type ContainerSpec, type Hook, type Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import type { PullState } from './task-pulls.ts';
import type { TaskRecord } from './task-record.ts';

/** `number`: of the hook, from 1. */
export type PreStartStep =
  /** Makes its container, or begins to pull its image. */
  | { readonly kind: 'createPreStart'; readonly number: number }
  | { readonly kind: 'startPreStart'; readonly number: number }
  /** It has succeeded. */
  | { readonly kind: 'countPreStart'; readonly number: number }
  /** The task fails for it. Its container stays as long as the task's own, to be looked at. */
  | { readonly kind: 'failPreStart'; readonly number: number; readonly error: string }
  | { readonly kind: 'stopPreStart'; readonly number: number }
  | { readonly kind: 'removePreStart'; readonly number: number }
  | { readonly kind: 'wait'; readonly message: string; readonly untilMs: number | undefined };

export interface PreStarts {
  /** Containers of the task's hooks. */
  readonly preStarts: readonly Container[];
  /** How far the image is that the task has asked for last. */
  readonly pull: PullState | undefined;
}

/** The hook to be run, or that runs; undefined: none is left. */
export function presentPreStart({
  task,
  preStartsDone,
}: Pick<TaskRecord, 'task' | 'preStartsDone'>): number | undefined {
  const hooks = task.spec?.container?.preStart ?? [];
  const index = hooks.findIndex(
    ({ perReplica }, at) => at >= preStartsDone && (perReplica || task.runsPreStart === true),
  );
  return index === -1 ? undefined : index + 1;
}

/** It is about to be started, and is wanted. */
export function runsPreStarts({ assigned, task, status, failure }: TaskRecord): boolean {
  if (!assigned || task.desiredState >= TaskState.SHUTDOWN || failure !== '') return false;
  return status.state === TaskState.STARTING;
}

/** What is left over of hooks; undefined: nothing that has to go. `isCleared`: all of the task goes. */
export function clearPreStarts(
  record: TaskRecord,
  preStarts: readonly Container[],
  isCleared: boolean,
): PreStartStep | undefined {
  const present = runsPreStarts(record) ? presentPreStart(record) : undefined;
  for (const container of preStarts) {
    const { preStart: number = 0 } = container;
    if (isAlive(container)) {
      if (number !== present) return { kind: 'stopPreStart', number };
    } else if (isCleared || number <= record.preStartsDone) return { kind: 'removePreStart', number };
  }
  return undefined;
}

/** Of a task whose container is made; undefined: it may be started. */
export function nextPreStart(record: TaskRecord, { preStarts, pull }: PreStarts): PreStartStep | undefined {
  const number = presentPreStart(record);
  if (number === undefined) return undefined;
  const container = preStarts.find(({ preStart }) => preStart === number);
  if (container === undefined) {
    if (pull?.kind === 'pulling') return wait(pull.doing);
    if (pull?.kind === 'failed') return { kind: 'failPreStart', number, error: pull.error };
    return { kind: 'createPreStart', number };
  }
  if (container.state?.status === ContainerStatus.CREATED) return { kind: 'startPreStart', number };
  if (isAlive(container)) return wait(`running pre_start hook ${number}`);
  const error = endError(container);
  return error === '' ? { kind: 'countPreStart', number } : { kind: 'failPreStart', number, error };
}

/**
 * The hook's container as the task's own has it, but for what it says. It has the task's mounts from that one's container,
 * and nothing that is one container's only. `spec`: with its templates expanded.
 */
export function preStartSpec(spec: ContainerSpec, number: number): ContainerSpec {
  const { hook, image = '' } = spec.preStart[number - 1] ?? {};
  return {
    ...spec,
    ...(image === '' ? {} : { image, entrypoint: undefined }),
    command: { items: [...(hook?.argv ?? [])] },
    env: withEnvironment(spec.env, hook?.env ?? []),
    user: hook?.user || spec.user,
    dir: hook?.dir || spec.dir,
    privileged: spec.privileged || hook?.privileged === true,
    healthcheck: { test: ['NONE'], intervalMs: 0, timeoutMs: 0, retries: 0, startPeriodMs: 0, startIntervalMs: 0 },
    containerName: '',
    preStart: [],
    postStart: [],
    preStop: [],
  };
}

function withEnvironment(own: readonly string[], given: Hook['env']): string[] {
  const nameOf = (pair: string) => pair.split('=', 1)[0] ?? '';
  const names = new Set(given.map(nameOf));
  return [...own.filter((pair) => !names.has(nameOf(pair))), ...given];
}

/** The image that its container is made of. */
export function preStartImage(task: Task, number: number): string {
  const { image = '', preStart = [] } = task.spec?.container ?? {};
  return preStart[number - 1]?.image || image;
}

function endError({ state }: Container): string {
  if (state === undefined) return 'it ended in an unknown way';
  if (state.oomKilled) return `out of memory (exit code ${state.exitCode})`;
  if (state.error !== '') return state.error;
  return state.exitCode === 0 ? '' : `exit code ${state.exitCode}`;
}

function isAlive({ state }: Container): boolean {
  return state?.status === ContainerStatus.RUNNING || state?.status === ContainerStatus.PAUSED;
}

function wait(message: string): PreStartStep {
  return { kind: 'wait', message, untilMs: undefined };
}
