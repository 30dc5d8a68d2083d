/** What becomes of a project's containers, as Docker's events name it. Pure. */
import { type Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { withoutLookedUpDigest } from '../../proto/image-reference.ts';
import { taskName } from '../format/rows/task-row.ts';
import { hasEnded, hasRun, isRunning } from './project-state.ts';

export interface ContainerEvent {
  readonly action: string;
  /** The container's. */
  readonly id: string;
  readonly timeMs: number;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Those between two states of one task: `before` undefined, it wasn't there; `after` undefined, it is gone. */
export function taskEvents(before: Task | undefined, after: Task | undefined, nowMs: number): ContainerEvent[] {
  const task = after ?? before;
  if (task === undefined || containerOf(task) === '') return [];
  const event = eventsAt(task, after?.status?.timestampMs || nowMs);
  if (after === undefined) return [event('destroy')];
  return [
    ...(before === undefined || containerOf(before) === '' ? [event('create')] : []),
    ...(wasStarted(after) && !wasStarted(before) ? [event('start')] : []),
    ...(isHealthy(after) && !isHealthy(before) ? [event('health_status: healthy')] : []),
    ...(isOver(after) && !isOver(before) ? endOf(after, event) : []),
  ];
}

/**
 * Those that have led to a task's being as it is, as far as it says when they were: when it was made, which is before its container
 * was, and when its process started and ended.
 */
export function pastEvents(task: Task): ContainerEvent[] {
  const { meta, status } = task;
  if (status === undefined || containerOf(task) === '') return [];
  const { startedAtMs, endedAtMs, timestampMs } = status;
  return [
    eventsAt(task, meta?.createdAtMs ?? timestampMs)('create'),
    ...(wasStarted(task) ? [eventsAt(task, startedAtMs || timestampMs)('start')] : []),
    ...(isHealthy(task) ? [eventsAt(task, timestampMs)('health_status: healthy')] : []),
    ...(isOver(task) ? endOf(task, eventsAt(task, endedAtMs || timestampMs)) : []),
  ];
}

type MakeEvent = (action: string, more?: Readonly<Record<string, string>>) => ContainerEvent;

function eventsAt(task: Task, timeMs: number): MakeEvent {
  return (action, more = {}) => ({
    action,
    id: containerOf(task),
    timeMs,
    attributes: { ...attributesOf(task), ...more },
  });
}

/** What was told to stop has been stopped, too. */
function endOf(task: Task, event: MakeEvent): ContainerEvent[] {
  if (!wasStarted(task)) return [];
  const died = event('die', { exitCode: String(task.status?.exitCode ?? 0) });
  const isStopped = task.status?.state === TaskState.SHUTDOWN;
  return [...(task.status?.oomKilled ? [event('oom')] : []), died, ...(isStopped ? [event('stop')] : [])];
}

function containerOf({ status }: Task): string {
  return status?.containerId ?? '';
}

function wasStarted(task: Task | undefined): boolean {
  return task !== undefined && (isRunning(task) || hasRun(task));
}

function isOver(task: Task | undefined): boolean {
  return task !== undefined && hasEnded(task);
}

/** Of one with a check of the files: until then it is starting. */
function isHealthy(task: Task | undefined): boolean {
  const [kind = 'NONE'] = task?.spec?.container?.healthcheck?.test ?? [];
  return kind !== 'NONE' && task?.status?.state === TaskState.RUNNING;
}

function attributesOf(task: Task): Record<string, string> {
  const container = task.spec?.container;
  return { ...container?.labels, image: withoutLookedUpDigest(container?.image ?? ''), name: taskName(task) };
}
