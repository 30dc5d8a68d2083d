/** TaskExec, TaskAttach, TaskKill, TaskPause, TaskTop, TaskStats, TaskInspect: the containers of tasks, on whichever nodes they are. */
import { GantryError } from '../../proto/errors.ts';
import type {
  TaskInspectRequest,
  TaskInspectResponse,
  TaskKillRequest,
  TaskKillResponse,
  TaskPauseRequest,
  TaskPauseResponse,
  TaskStatsRequest,
  TaskStatsResponse,
  TaskTopRequest,
  TaskTopResponse,
  TaskUnpauseRequest,
  TaskUnpauseResponse,
} from '../../proto/generated/gantry/v1/control.ts';
import {
  type Container,
  ContainerInspectRequest,
  ContainerInspectResponse,
  ContainerKillRequest,
  ContainerKillResponse,
  ContainerPauseRequest,
  ContainerPauseResponse,
  type ContainerStats,
  ContainerStatsRequest,
  ContainerStatsResponse,
  ContainerStreamRequest,
  ContainerStreamResponse,
  ContainerTopRequest,
  ContainerTopResponse,
  ContainerUnpauseRequest,
  ContainerUnpauseResponse,
} from '../../proto/generated/gantry/v1/engine.ts';
import { containerName } from '../../proto/task-name.ts';
import { hasEnded, type TaskObject } from '../store/task.ts';
import type { ApiContext } from './context.ts';
import { callEngine } from './node-engines.ts';

/** A node that doesn't answer by then is left out of lists. */
const INSPECT_TIMEOUT_MS = 3000;

/** Passes the streams through, until the process has ended or the caller has gone. */
export function taskExec(
  context: ApiContext,
  requests: AsyncIterable<ContainerStreamRequest>,
  signal: AbortSignal,
): AsyncGenerator<ContainerStreamResponse, void, undefined> {
  return passThrough(context, 'exec', requests, signal);
}

export function taskAttach(
  context: ApiContext,
  requests: AsyncIterable<ContainerStreamRequest>,
  signal: AbortSignal,
): AsyncGenerator<ContainerStreamResponse, void, undefined> {
  return passThrough(context, 'attach', requests, signal);
}

const STREAM_METHODS = { exec: 'ContainerExec', attach: 'ContainerAttach' } as const;

/** The first request names a task, to the engine its container. */
async function* passThrough(
  context: ApiContext,
  kind: 'exec' | 'attach',
  requests: AsyncIterable<ContainerStreamRequest>,
  signal: AbortSignal,
): AsyncGenerator<ContainerStreamResponse, void, undefined> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  const message = first.done === true ? undefined : first.value.message;
  if (message?.$case !== kind) {
    throw new GantryError('INVALID_ARGUMENT', `${kind} of a task: the first message has to be its start`);
  }
  const { nodeId, status } = runningTask(context, message.value.reference);
  const encoded = encodedRequests({ message: ofContainer(message, status.containerId) }, iterator);
  for await (const data of context.engines.openStream(nodeId, STREAM_METHODS[kind], encoded, signal)) {
    yield ContainerStreamResponse.decode(data);
  }
}

type Start = Extract<NonNullable<ContainerStreamRequest['message']>, { readonly $case: 'exec' | 'attach' }>;

function ofContainer(start: Start, reference: string): Start {
  if (start.$case === 'exec') return { $case: 'exec', value: { ...start.value, reference } };
  return { $case: 'attach', value: { ...start.value, reference } };
}

async function* encodedRequests(
  first: ContainerStreamRequest,
  others: AsyncIterator<ContainerStreamRequest>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield ContainerStreamRequest.encode(first).finish();
  for (let next = await others.next(); next.done !== true; next = await others.next()) {
    yield ContainerStreamRequest.encode(next.value).finish();
  }
}

/** Throws NOT_FOUND, or WRONG_STATE for one without a container that runs. */
export function runningTask(context: ApiContext, id: string): TaskObject {
  const task = taskOf(context, id);
  if (task.status.containerId !== '' && !hasEnded(task)) return task;
  throw new GantryError('WRONG_STATE', `container ${containerName(task)} is not running`);
}

/** Throws NOT_FOUND, or WRONG_STATE for one without a container. */
export function taskWithContainer(context: ApiContext, id: string): TaskObject {
  const task = taskOf(context, id);
  if (task.status.containerId !== '') return task;
  throw new GantryError('WRONG_STATE', `container ${containerName(task)} is not made yet`);
}

function taskOf({ store }: ApiContext, id: string): TaskObject {
  const task = store.view((read) => read.get('task', id));
  if (task === undefined) throw new GantryError('NOT_FOUND', `no such task: ${id}`);
  return task;
}

export async function taskKill(
  context: ApiContext,
  { taskIds, signal: name }: TaskKillRequest,
  signal: AbortSignal,
): Promise<TaskKillResponse> {
  const codecs = [ContainerKillRequest, ContainerKillResponse] as const;
  await onEach(context, taskIds, ({ nodeId, status }) =>
    callEngine(context, nodeId, 'ContainerKill', codecs, { reference: status.containerId, signal: name }, signal),
  );
  return {};
}

export async function taskPause(
  context: ApiContext,
  { taskIds }: TaskPauseRequest,
  signal: AbortSignal,
): Promise<TaskPauseResponse> {
  const codecs = [ContainerPauseRequest, ContainerPauseResponse] as const;
  await onEach(context, taskIds, ({ nodeId, status }) =>
    callEngine(context, nodeId, 'ContainerPause', codecs, { reference: status.containerId }, signal),
  );
  return {};
}

export async function taskUnpause(
  context: ApiContext,
  { taskIds }: TaskUnpauseRequest,
  signal: AbortSignal,
): Promise<TaskUnpauseResponse> {
  const codecs = [ContainerUnpauseRequest, ContainerUnpauseResponse] as const;
  await onEach(context, taskIds, ({ nodeId, status }) =>
    callEngine(context, nodeId, 'ContainerUnpause', codecs, { reference: status.containerId }, signal),
  );
  return {};
}

export async function taskTop(
  context: ApiContext,
  { taskIds }: TaskTopRequest,
  signal: AbortSignal,
): Promise<TaskTopResponse> {
  const codecs = [ContainerTopRequest, ContainerTopResponse] as const;
  const tasks = await onEach(context, taskIds, async ({ id, nodeId, status }) => {
    const request = { reference: status.containerId, psArguments: [] };
    return { taskId: id, processes: await callEngine(context, nodeId, 'ContainerTop', codecs, request, signal) };
  });
  return { tasks };
}

/** Rejects as the first that does. */
function onEach<Answer>(
  context: ApiContext,
  taskIds: readonly string[],
  work: (task: TaskObject) => Promise<Answer>,
): Promise<Answer[]> {
  return Promise.all(taskIds.map((id) => runningTask(context, id)).map(work));
}

/** One call for each node. */
export async function taskStats(
  context: ApiContext,
  { taskIds }: TaskStatsRequest,
  signal: AbortSignal,
): Promise<TaskStatsResponse> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(INSPECT_TIMEOUT_MS)]);
  const tasks = context.store.view((read) => taskIds.flatMap((id) => read.get('task', id) ?? []));
  const withContainer = tasks.filter(({ status }) => status.containerId !== '');
  const byNode = Map.groupBy(withContainer, ({ nodeId }) => nodeId);
  const found = await Promise.all([...byNode].map(([nodeId, own]) => statsOn(context, nodeId, own, limited)));
  return { containers: found.flat() };
}

async function statsOn(
  context: ApiContext,
  nodeId: string,
  tasks: readonly TaskObject[],
  signal: AbortSignal,
): Promise<ContainerStats[]> {
  const codecs = [ContainerStatsRequest, ContainerStatsResponse] as const;
  const request = { references: tasks.map(({ status }) => status.containerId), all: true };
  try {
    return (await callEngine(context, nodeId, 'ContainerStats', codecs, request, signal)).containers;
  } catch (error) {
    context.logger.debug({ err: error, node: nodeId }, 'usage of containers could not be read');
    return [];
  }
}

export async function taskInspect(
  context: ApiContext,
  { taskIds }: TaskInspectRequest,
  signal: AbortSignal,
): Promise<TaskInspectResponse> {
  const tasks = context.store.view((read) => taskIds.flatMap((id) => read.get('task', id) ?? []));
  const limited = AbortSignal.any([signal, AbortSignal.timeout(INSPECT_TIMEOUT_MS)]);
  const found = await Promise.all(tasks.map((task) => containerOf(context, task, limited)));
  return { containers: found.flatMap((container) => container ?? []) };
}

async function containerOf(
  context: ApiContext,
  { id, nodeId, status }: TaskObject,
  signal: AbortSignal,
): Promise<Container | undefined> {
  if (status.containerId === '') return undefined;
  const codecs = [ContainerInspectRequest, ContainerInspectResponse] as const;
  const request = { reference: status.containerId };
  try {
    return (await callEngine(context, nodeId, 'ContainerInspect', codecs, request, signal)).container;
  } catch (error) {
    context.logger.debug({ err: error, task: id, node: nodeId }, 'container could not be inspected');
    return undefined;
  }
}
