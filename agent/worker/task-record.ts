/** What the worker knows of one task: what was assigned, and how far it has come. Survives the agent, as a file. */
import { Task, TaskState, TaskStatus } from '../../proto/generated/gantry/v1/types.ts';

export interface TaskRecord {
  /** As last assigned; its `status` is the manager's and only counts when the record is made. */
  readonly task: Task;
  /** How far the task is; what is reported. */
  readonly status: TaskStatus;
  /** Why the task has failed although its container still runs; empty otherwise. Written down before the container is stopped. */
  readonly failure: string;
  /** When this node has started it again by itself, in milliseconds since the epoch; see local-restart.ts. */
  readonly restartsMs: readonly number[];
  /** How many of its post_start hooks have succeeded since its container was started. */
  readonly hooksDone: number;
  /** The number of the last of its pre_start hooks that has succeeded; 0: none has. */
  readonly preStartsDone: number;
  /** False once the manager no longer names the task: all that is left is to clear it away. */
  readonly assigned: boolean;
}

/** What a step has changed. */
export type RecordChange = Partial<
  Pick<TaskRecord, 'status' | 'failure' | 'restartsMs' | 'hooksDone' | 'preStartsDone'>
>;

export function newRecord(task: Task): TaskRecord {
  const status = TaskStatus.fromPartial(task.status ?? {});
  return { task, status, failure: '', restartsMs: [], hooksDone: 0, preStartsDone: 0, assigned: true };
}

/** The record of a container that says it belongs to a task which nobody assigned. */
export function strayRecord(taskId: string): TaskRecord {
  return { ...newRecord(Task.fromPartial({ id: taskId })), assigned: false };
}

/** Whether the task's life is over: it never runs (again). */
export function isFinal(state: TaskState): boolean {
  return state >= TaskState.COMPLETE;
}
