/** How each kind of step is done. Every executor can be repeated after a crash in its middle. */
import type { Logger } from 'pino';
import { errorLine, GantryError, toGantryError } from '../../proto/errors.ts';
import type { Container } from '../../proto/generated/gantry/v1/engine.ts';
import {
  type Mount,
  MountType,
  PullPolicy,
  type TaskAddress,
  TaskState,
  type TaskStatus,
} from '../../proto/generated/gantry/v1/types.ts';
import type { Containers } from '../container/containers.ts';
import type { Images } from '../image/images.ts';
import { isSharedPath } from '../volume/shared-path.ts';
import { withRestart } from './local-restart.ts';
import type { Step } from './next-step.ts';
import { containerConfig, type TaskMaterial, taskFiles } from './task-container.ts';
import type { TaskHooks } from './task-hooks.ts';
import { noSuchImage, type TaskPulls } from './task-pulls.ts';
import type { RecordChange, TaskRecord } from './task-record.ts';
import { expandContainer, type NodeFacts } from './task-templates.ts';

export interface ExecutorContext {
  readonly containers: Containers;
  readonly images: Pick<Images, 'resolve'>;
  readonly pulls: TaskPulls;
  readonly hooks: TaskHooks;
  readonly material: TaskMaterial;
  readonly node: NodeFacts;
  /** Since when this node has no manager; undefined while it has one. */
  readonly aloneSinceMs: () => number | undefined;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

type Executors = {
  readonly [Kind in Step['kind']]: (
    step: Extract<Step, { kind: Kind }>,
    record: TaskRecord,
    context: ExecutorContext,
  ) => Promise<RecordChange>;
};

const EXECUTORS: Executors = {
  advance: async (step, record, context) => ({ status: advanced(record, context, step) }),

  create: async (_step, record, context) => {
    try {
      await create(record, context);
      return {};
    } catch (error) {
      return failedStep(record, context, TaskState.REJECTED, error);
    }
  },

  start: async (_step, record, context) => {
    try {
      await context.containers.start(containerOf(record, context).id);
      return {};
    } catch (error) {
      return failedStep(record, context, TaskState.FAILED, error);
    }
  },

  restart: async (_step, record, context) => {
    try {
      await context.containers.start(containerOf(record, context).id);
      const { state } = record.status;
      return {
        failure: '',
        hooksDone: 0,
        restartsMs: withRestart(record.restartsMs, context.now()),
        status: advanced(record, context, { state, message: 'started', error: '' }),
      };
    } catch (error) {
      return failedStep(record, context, TaskState.FAILED, error);
    }
  },

  beginHook: async ({ index }, record, context) => {
    const hook = record.task.spec?.container?.postStart[index];
    if (hook !== undefined) {
      context.hooks.begin(record.task.id, { containerId: containerOf(record, context).id, hook, index });
    }
    return {};
  },

  countHook: async ({ done }, { task }, { hooks }) => {
    hooks.leave(task.id);
    return { hooksDone: done };
  },

  leaveHook: async (_step, { task }, { hooks }) => {
    hooks.leave(task.id);
    return {};
  },

  condemn: async ({ failure }) => ({ failure }),

  stop: async (_step, record, context) => {
    await ignoreNotFound(context.containers.stop(containerOf(record, context).id, stopTimeout(record)));
    return {};
  },

  retire: async (_step, record, context) => {
    const { id } = containerOf(record, context);
    await ignoreNotFound(context.containers.drain(id));
    await ignoreNotFound(context.containers.stop(id, stopTimeout(record)));
    return {};
  },

  remove: async (_step, record, context) => {
    // Anonymous volumes go with their container, named ones stay.
    const options = { force: true, volumes: true };
    await ignoreNotFound(context.containers.remove(containerOf(record, context).id, options));
    return {};
  },

  // The record's file is the runner's, as all of its writing is.
  forget: async () => ({}),

  leavePull: async (_step, { task }, { pulls }) => {
    pulls.leave(task.id);
    return {};
  },

  wait: async ({ message }, { status }) => (message === status.message ? {} : { status: { ...status, message } }),
};

export function executeStep(step: Step, record: TaskRecord, context: ExecutorContext): Promise<RecordChange> {
  const execute = EXECUTORS[step.kind] as (
    step: Step,
    record: TaskRecord,
    context: ExecutorContext,
  ) => Promise<RecordChange>;
  return execute(step, record, context);
}

/** Or begins to pull its image. */
async function create(record: TaskRecord, context: ExecutorContext): Promise<void> {
  const { task } = record;
  const { containers, material, node, pulls } = context;
  const reference = task.spec?.container?.image ?? '';
  if (await mustPull(record, context)) {
    const { credentials } = material;
    const own = credentials === 'unknown' ? credentials : credentials.get(task.id);
    const isAlways = task.spec?.container?.pullPolicy === PullPolicy.ALWAYS;
    pulls.begin(task.id, { reference, order: isAlways ? 'registry first' : 'cluster first', credentials: own });
    return;
  }
  if (!(await isHere(reference, context))) throw noSuchImage(reference);
  const spec = expandContainer(task, node);
  const files = taskFiles(task, material, node, spec);
  const peer = task.networkTaskId === undefined ? undefined : containers.findByTask(task.networkTaskId);
  await containers.create(containerConfig(task, spec, peer?.id), { taskId: task.id, files });
}

async function mustPull({ task }: TaskRecord, context: ExecutorContext): Promise<boolean> {
  if (context.pulls.stateOf(task.id)?.kind === 'done') return false;
  const { image = '', pullPolicy = PullPolicy.MISSING } = task.spec?.container ?? {};
  if (pullPolicy === PullPolicy.NEVER || isImageId(image)) return false;
  // What has this digest once has it for ever.
  if (pullPolicy === PullPolicy.ALWAYS && !image.includes('@')) return true;
  return !(await isHere(image, context));
}

/** In full: no registry knows images by it. */
function isImageId(reference: string): boolean {
  return /^sha256:[0-9a-f]+$/.test(reference);
}

async function isHere(reference: string, { images }: ExecutorContext): Promise<boolean> {
  try {
    await images.resolve(reference);
    return true;
  } catch (error) {
    if (toGantryError(error).code !== 'IMAGE_NOT_FOUND') throw error;
    return false;
  }
}

/** The task ends here; the manager decides whether another one takes its place. */
function failedStep(record: TaskRecord, context: ExecutorContext, state: TaskState, thrown: unknown): RecordChange {
  const error = errorLine(toGantryError(thrown));
  const message = state === TaskState.REJECTED ? 'rejected' : 'failed';
  context.logger.warn({ taskId: record.task.id, err: thrown }, `task ${message}`);
  return { status: advanced(record, context, { state, message, error }) };
}

function advanced(
  { task, status }: TaskRecord,
  { containers, now }: ExecutorContext,
  { state, message, error }: Pick<TaskStatus, 'state' | 'message' | 'error'>,
): TaskStatus {
  const container = containers.findByTask(task.id);
  return { ...status, ...(container && containerFacts(container)), state, message, error, timestampMs: now() };
}

function containerFacts({ id, state, networks, config }: Container): Partial<TaskStatus> {
  return {
    containerId: id,
    pid: state?.pid ?? 0,
    exitCode: state?.exitCode ?? 0,
    oomKilled: state?.oomKilled ?? false,
    addresses: networks.map(({ networkId, address }): TaskAddress => ({ networkId, address })),
    sharedPaths: sharedPaths(config?.spec?.mounts ?? []),
  };
}

function sharedPaths(mounts: readonly Mount[]): string[] {
  return mounts
    .filter(({ type, source }) => type === MountType.BIND && isSharedPath(source))
    .map(({ source }) => source);
}

function containerOf({ task }: TaskRecord, { containers }: ExecutorContext): Container {
  const container = containers.findByTask(task.id);
  if (container === undefined) throw new GantryError('NOT_FOUND', `no container of task ${task.id}`);
  return container;
}

/** As the manager says by now: whoever stops a service may give it another time. Undefined: the container's own. */
function stopTimeout({ task }: TaskRecord): number | undefined {
  return task.spec?.container?.stopGracePeriodMs;
}

/** Gone in the meantime is as good as done. */
async function ignoreNotFound(done: Promise<void>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (toGantryError(error).code !== 'NOT_FOUND') throw error;
  }
}
