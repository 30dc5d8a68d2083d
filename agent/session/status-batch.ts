/** Statuses on their way to the manager: the latest of each task, in batches. */
import type { TaskStatusUpdate } from '../../proto/generated/gantry/v1/dispatcher.ts';

/** Bounds a message's size; a status has well under a kilobyte. */
const MAX_BATCH = 1000;

export class StatusBatch {
  readonly #pending = new Map<string, TaskStatusUpdate>();

  put(update: TaskStatusUpdate): void {
    // Deleted first: a Map keeps the place of a key it has, and what changed last goes last.
    this.#pending.delete(update.taskId);
    this.#pending.set(update.taskId, update);
  }

  /** Takes out up to one batch, oldest first; empty when there is nothing to send. */
  take(): TaskStatusUpdate[] {
    const updates = [...this.#pending.values()].slice(0, MAX_BATCH);
    for (const { taskId } of updates) this.#pending.delete(taskId);
    return updates;
  }
}
