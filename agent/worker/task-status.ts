/** A task's containers, and what its status says of them. */
import { errorLine, GantryError, toGantryError } from '../../proto/errors.ts';
import type { Container } from '../../proto/generated/gantry/v1/engine.ts';
import {
  type Mount,
  MountType,
  type TaskAddress,
  TaskState,
  type TaskStatus,
} from '../../proto/generated/gantry/v1/types.ts';
import { isSharedPath } from '../volume/shared-path.ts';
import type { ExecutorContext } from './executor-context.ts';
import type { RecordChange, TaskRecord } from './task-record.ts';

/** The task ends here; the manager decides whether another one takes its place. */
export function failedStep(
  record: TaskRecord,
  context: ExecutorContext,
  state: TaskState,
  thrown: unknown,
): RecordChange {
  const error = errorLine(toGantryError(thrown));
  const message = state === TaskState.REJECTED ? 'rejected' : 'failed';
  context.logger.warn({ taskId: record.task.id, err: thrown }, `task ${message}`);
  return { status: advanced(record, context, { state, message, error }) };
}

export function advanced(
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

export function containerOf({ task }: TaskRecord, { containers }: ExecutorContext): Container {
  const container = containers.findByTask(task.id);
  if (container === undefined) throw new GantryError('NOT_FOUND', `no container of task ${task.id}`);
  return container;
}

/** The id of the container whose network or namespaces it shares; undefined: all are its own. */
export function peerContainer({ task }: TaskRecord, { containers }: ExecutorContext): string | undefined {
  return task.networkTaskId === undefined ? undefined : containers.findByTask(task.networkTaskId)?.id;
}
