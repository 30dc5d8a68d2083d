/** ServiceLogs: what a service's containers have written, from the nodes they are on. */
import { GantryError } from '../../proto/errors.ts';
import type { ServiceLogLine, ServiceLogsRequest } from '../../proto/generated/gantry/v1/control.ts';
import { ContainerLogsRequest, LogLine } from '../../proto/generated/gantry/v1/engine.ts';
import { TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { keepsLog } from '../../proto/log/log-driver.ts';
import { nodeName } from '../store/node.ts';
import { type ServiceObject, serviceName } from '../store/service.ts';
import type { TaskObject } from '../store/task.ts';
import type { Watch } from '../store/watch.ts';
import type { ApiContext } from './context.ts';
import { Confluence, mergeInOrder } from './merge.ts';
import { only } from './port-probe.ts';
import { resolve } from './references.ts';

/** Which tasks a request is about. */
interface Selection {
  readonly kind: 'service' | 'task';
  readonly id: string;
}

export async function* serviceLogs(
  context: ApiContext,
  request: ServiceLogsRequest,
  signal: AbortSignal,
): AsyncGenerator<ServiceLogLine, void, undefined> {
  const selection = select(context, request.reference);
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  try {
    if (request.follow) yield* follow(context, request, selection, ended);
    else {
      const tasks = tasksOf(context, selection).filter(hasContainer);
      yield* mergeInOrder(
        tasks.map((task) => taskLogs(context, request, task, ended)),
        byTime,
      );
    }
  } finally {
    over.abort();
  }
}

/** A service by any reference, or a task by its id or the beginning of it. */
function select({ store }: ApiContext, reference: string): Selection {
  return store.view((read) => {
    const tasks = reference === '' ? [] : read.find('task', { by: 'idPrefix', value: reference });
    const [task] = tasks;
    const named = read.find('service', { by: 'name', value: reference });
    if (task !== undefined && tasks.length === 1 && named.length === 0) return { kind: 'task', id: task.id };
    const service = resolve(read, 'service', reference);
    refuseUnkept(service);
    return { kind: 'service', id: service.id };
  });
}

function refuseUnkept(service: ServiceObject): void {
  if (keepsLog(service.spec.task.container.log)) return;
  throw new GantryError('UNSUPPORTED', `service ${serviceName(service)} keeps no logs: its log driver is "none"`, {
    hint: 'give it another one',
  });
}

function tasksOf({ store }: ApiContext, { kind, id }: Selection): TaskObject[] {
  return store.view((read) => {
    if (kind === 'service') return read.find('task', { by: 'service', value: id });
    const task = read.get('task', id);
    return task === undefined ? [] : [task];
  });
}

function hasContainer(task: TaskObject): boolean {
  return task.status.containerId !== '' && keepsLog(task.spec.container.log);
}

/** One that has not been started yet writes nothing: following it would end at once. */
function hasStarted(task: TaskObject): boolean {
  const { state, pid } = task.status;
  return hasContainer(task) && (state >= TaskState.RUNNING || pid > 0);
}

/** Also of tasks that start meanwhile; ends with the client, or when the service or task has gone. */
async function* follow(
  context: ApiContext,
  request: ServiceLogsRequest,
  selection: Selection,
  signal: AbortSignal,
): AsyncGenerator<ServiceLogLine, void, undefined> {
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  const confluence = new Confluence<ServiceLogLine>(ended);
  const watch = context.store.watch({
    kinds: ['task', 'service'],
    matches: (event) =>
      event.object.id === selection.id || (event.kind === 'task' && event.object.serviceId === selection.id),
  });
  try {
    const present = tasksOf(context, selection).filter(hasStarted);
    const attached = new Set(present.map((task) => task.id));
    for (const task of present) confluence.add(taskLogs(context, request, task, ended));
    // What a task that starts later writes is new from its first line.
    const later = { ...request, tail: undefined };
    const attach = (task: TaskObject) => confluence.add(taskLogs(context, later, task, ended));
    void attachNewTasks(context, watch, selection, attached, attach, ended).finally(() => over.abort());
    yield* confluence.read();
  } finally {
    over.abort();
    watch.close();
  }
}

async function attachNewTasks(
  context: ApiContext,
  watch: Watch,
  selection: Selection,
  attached: Set<string>,
  attach: (task: TaskObject) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await watch.changed(signal);
    watch.take();
    for (const task of tasksOf(context, selection).filter(hasStarted)) {
      if (attached.has(task.id)) continue;
      attached.add(task.id);
      attach(task);
    }
    if (context.store.view((read) => read.get(selection.kind, selection.id)) === undefined) return;
  }
}

async function* taskLogs(
  context: ApiContext,
  request: ServiceLogsRequest,
  task: TaskObject,
  signal: AbortSignal,
): AsyncGenerator<ServiceLogLine, void, undefined> {
  const node = context.store.view((read) => read.get('node', task.nodeId));
  const query = ContainerLogsRequest.encode({
    reference: task.status.containerId,
    follow: request.follow,
    tail: request.tail,
    sinceMs: request.sinceMs,
    untilMs: request.untilMs,
  }).finish();
  try {
    for await (const data of context.engines.openStream(task.nodeId, 'ContainerLogs', only(query), signal)) {
      const line = LogLine.decode(data);
      yield {
        taskId: task.id,
        serviceName: task.serviceName,
        slot: task.slot,
        nodeId: task.nodeId,
        nodeName: node === undefined ? task.nodeId : nodeName(node),
        ...line,
      };
    }
  } catch (error) {
    if (signal.aborted || isGone(error)) return;
    throw error;
  }
}

/** The container was removed between the store's knowing of it and the call: there are no logs of it. */
function isGone(error: unknown): boolean {
  return error instanceof GantryError && error.code === 'NOT_FOUND';
}

function byTime(a: ServiceLogLine, b: ServiceLogLine): number {
  // Nanoseconds as decimal text: of equal length for centuries to come, but zeros are not sure to be padded.
  return a.timestampNs.length - b.timestampNs.length || (a.timestampNs < b.timestampNs ? -1 : 1);
}
