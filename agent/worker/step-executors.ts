/** How each kind of step is done. Every executor can be repeated after a crash in its middle. */
import { toGantryError } from '../../proto/errors.ts';
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import type { Executor, ExecutorContext } from './executor-context.ts';
import { withRestart } from './local-restart.ts';
import type { Step } from './next-step.ts';
import { PRE_START_EXECUTORS } from './pre-start-executors.ts';
import { containerConfig, taskFiles } from './task-container.ts';
import { hasImage, imagesOf } from './task-image.ts';
import type { RecordChange, TaskRecord } from './task-record.ts';
import { advanced, containerOf, failedStep, peerContainer } from './task-status.ts';
import { expandContainer } from './task-templates.ts';

type Executors = {
  readonly [Kind in Step['kind']]: Executor<Extract<Step, { kind: Kind }>>;
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

  ...PRE_START_EXECUTORS,

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
  const execute = EXECUTORS[step.kind] as Executor<Step>;
  return execute(step, record, context);
}

/** Or begins to pull its image. */
async function create(record: TaskRecord, context: ExecutorContext): Promise<void> {
  const { task } = record;
  const { containers, material, node } = context;
  for (const image of imagesOf(task)) if (!(await hasImage(record, image, context))) return;
  const spec = expandContainer(task, node);
  const files = taskFiles(task, material, node, spec);
  await containers.create(containerConfig(task, spec, peerContainer(record, context)), { taskId: task.id, files });
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
