/** What agents report of their tasks, on its way into the store. */
import type { Logger } from 'pino';
import type { TaskStatusUpdate } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { TaskState, TaskStatus } from '../../proto/generated/gantry/v1/types.ts';
import { transitionProblem } from '../../proto/task-lifecycle.ts';
import { FORMAT_OF_UPDATE_STATUS } from '../store/state-format.ts';
import type { Store } from '../store/store.ts';
import type { ReadTransaction } from '../store/tables.ts';
import type { TaskObject } from '../store/task.ts';
import { pinVolumes } from '../volumes/pins.ts';

export type StatusVerdict =
  | { readonly verdict: 'accept' }
  /** Says what is known already. */
  | { readonly verdict: 'unchanged' }
  /** The node has no such task: it is told to remove it. */
  | { readonly verdict: 'stray' }
  | { readonly verdict: 'refuse'; readonly reason: string };

/** What an agent may report, by the task as it is known. Pure. */
export function judge(task: TaskObject | undefined, nodeId: string, reported: TaskStatus): StatusVerdict {
  if (task === undefined || task.nodeId !== nodeId) return { verdict: 'stray' };
  const reason = transitionProblem(task.status.state, reported.state, 'agent');
  if (reason !== undefined) return { verdict: 'refuse', reason };
  return sameStatus(task.status, reported) ? { verdict: 'unchanged' } : { verdict: 'accept' };
}

function sameStatus(a: TaskStatus, b: TaskStatus): boolean {
  const bytes = (status: TaskStatus) =>
    TaskStatus.encode({ ...status, timestampMs: 0, startedAtMs: 0, endedAtMs: 0, sharedPaths: [] }).finish();
  return Buffer.compare(bytes(a), bytes(b)) === 0;
}

/** `notes`: whether all managers know these fields. */
function accepted({ status: before }: TaskObject, status: TaskStatus, notes: boolean, nowMs: number): TaskStatus {
  const { startedAtMs, endedAtMs } = before;
  const since = (known: number, isSo: boolean) => (known === 0 && isSo && notes ? nowMs : known);
  return {
    ...status,
    timestampMs: status.timestampMs || nowMs,
    startedAtMs: since(startedAtMs, status.state === TaskState.RUNNING),
    endedAtMs: since(endedAtMs, status.state > TaskState.RUNNING),
    sharedPaths: [],
  };
}

function notesTimes(read: ReadTransaction): boolean {
  return (read.find('cluster', { by: 'all' })[0]?.stateFormat ?? 0) >= FORMAT_OF_UPDATE_STATUS;
}

/** The node whose statuses they are. */
export interface Reporter {
  readonly nodeId: string;
  /** That it mounts from elsewhere, as far as it has said. */
  readonly mountedVolumes: ReadonlySet<string>;
}

/**
 * Writes one batch; batches that come while another is on its way to disk share the next log entry. Returns the
 * ids of tasks that the node shouldn't have.
 */
export function writeStatuses(
  store: Store,
  { nodeId, mountedVolumes }: Reporter,
  updates: readonly TaskStatusUpdate[],
  nowMs: number,
  logger: Logger,
): Promise<string[]> {
  return store.update((tx) => {
    const strays: string[] = [];
    const notes = notesTimes(tx);
    for (const { taskId, status } of updates) {
      if (status === undefined) continue;
      const task = tx.get('task', taskId);
      const outcome = judge(task, nodeId, status);
      if (outcome.verdict === 'stray') strays.push(taskId);
      else if (outcome.verdict === 'refuse') logger.warn({ taskId, reason: outcome.reason }, 'status refused');
      else if (task !== undefined) {
        const isNew = outcome.verdict === 'accept';
        const known = isNew ? tx.update('task', { ...task, status: accepted(task, status, notes, nowMs) }) : task;
        pinVolumes(tx, known, new Set([...mountedVolumes, ...status.sharedPaths]));
      }
    }
    return strays;
  });
}
