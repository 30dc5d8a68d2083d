/** How each kind of step of pre_start hooks is done. Each can be repeated after a crash in its middle. */
import { toGantryError } from '../../proto/errors.ts';
import { type Container, ContainerConfig } from '../../proto/generated/gantry/v1/engine.ts';
import { MountType, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import type { Executor, ExecutorContext } from './executor-context.ts';
import { type PreStartStep, preStartImage, preStartSpec, presentPreStart } from './pre-start.ts';
import { containerConfig, taskFiles } from './task-container.ts';
import { hasImage } from './task-image.ts';
import type { TaskRecord } from './task-record.ts';
import { advanced, containerOf, failedStep, peerContainer } from './task-status.ts';
import { expandContainer } from './task-templates.ts';

type Executors = {
  readonly [Kind in Exclude<PreStartStep['kind'], 'wait'>]: Executor<Extract<PreStartStep, { kind: Kind }>>;
};

export const PRE_START_EXECUTORS: Executors = {
  createPreStart: async ({ number }, record, context) => {
    try {
      await create(number, record, context);
      return {};
    } catch (error) {
      return failedStep(record, context, TaskState.FAILED, error);
    }
  },

  startPreStart: async ({ number }, record, context) => {
    const container = find(number, record, context);
    if (container === undefined) return {};
    try {
      await context.containers.start(container.id);
      return {};
    } catch (error) {
      return failedStep(record, context, TaskState.FAILED, error);
    }
  },

  countPreStart: async ({ number }, record) => {
    const done = { preStartsDone: number };
    const isLast = presentPreStart({ ...record, ...done }) === undefined;
    if (!isLast || record.task.runsPreStart !== true) return done;
    return { ...done, status: { ...record.status, preStartDone: true } };
  },

  failPreStart: async ({ number, error }, record, context) => {
    const last = await lastLine(find(number, record, context), context);
    const text = `pre_start hook ${number}: ${error}${last === '' ? '' : `: ${last}`}`;
    return { status: advanced(record, context, { state: TaskState.FAILED, message: 'failed', error: text }) };
  },

  stopPreStart: async ({ number }, record, context) => {
    const container = find(number, record, context);
    if (container !== undefined) await context.containers.stop(container.id, undefined).catch(ignoreNotFound);
    return {};
  },

  removePreStart: async ({ number }, record, context) => {
    const container = find(number, record, context);
    const options = { force: true, volumes: true };
    if (container !== undefined) await context.containers.remove(container.id, options).catch(ignoreNotFound);
    return {};
  },
};

function find(number: number, { task }: TaskRecord, { containers }: ExecutorContext): Container | undefined {
  return containers.findPreStarts(task.id).find(({ preStart }) => preStart === number);
}

/** Or begins to pull its image. */
async function create(number: number, record: TaskRecord, context: ExecutorContext): Promise<void> {
  const { task } = record;
  const { containers, material, node, pulls } = context;
  const image = preStartImage(task, number);
  // The task's own image is here.
  if (image !== task.spec?.container?.image && !(await hasImage(record, image, context))) return;
  const own = expandContainer(task, node);
  const files = taskFiles(task, material, node, own);
  const base = containerConfig(task, preStartSpec(own, number), peerContainer(record, context));
  await containers.create(besideTask(base, number, containerOf(record, context)), {
    taskId: task.id,
    preStart: number,
    files,
  });
  // The next hook may have another image.
  pulls.leave(task.id);
}

/** Its mounts are those of the task's container, which has filled its volumes; images and memory it has for itself. */
function besideTask(config: ContainerConfig, number: number, { id }: Container): ContainerConfig {
  const mounts = config.spec?.mounts.filter(({ type }) => type === MountType.TMPFS || type === MountType.IMAGE) ?? [];
  return ContainerConfig.fromPartial({
    ...config,
    name: `${config.name}.pre_start-${number}`,
    spec: { ...config.spec, mounts },
    volumesFrom: [id],
    networks: config.networks.map(({ target }) => ({ target })),
    ports: [],
  });
}

/** That it has printed; '' when it has printed nothing, or its log isn't kept. */
async function lastLine(container: Container | undefined, { containers, logger }: ExecutorContext): Promise<string> {
  if (container === undefined) return '';
  const query = { follow: false, tail: 1, sinceMs: 0, untilMs: 0 };
  let last = '';
  try {
    const { signal } = new AbortController();
    for await (const { data } of containers.logs(container.id, query, signal))
      last = Buffer.from(data).toString().trim();
  } catch (error) {
    logger.warn({ container: container.id, err: error }, 'log of a pre_start hook could not be read');
  }
  return last;
}

function ignoreNotFound(error: unknown): void {
  if (toGantryError(error).code !== 'NOT_FOUND') throw error;
}
