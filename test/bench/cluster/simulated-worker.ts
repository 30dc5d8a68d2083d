/** The node behind a real session: its containers run as soon as it is told of them, and end as soon. */
import type { Assignments, TaskStatusUpdate } from '../../../proto/generated/gantry/v1/dispatcher.ts';
import { type Task, TaskState, TaskStatus } from '../../../proto/generated/gantry/v1/types.ts';

type StatusListener = (update: TaskStatusUpdate) => void;

export class SimulatedWorker {
  readonly #tasks = new Map<string, TaskStatusUpdate>();
  readonly #onArrival: (task: Task) => void;
  #running = 0;
  #listener: StatusListener | undefined;
  #onApplied: (version: number) => void = () => undefined;

  /** `onArrival` hears of each task once. */
  constructor(onArrival: (task: Task) => void) {
    this.#onArrival = onArrival;
  }

  /** Tasks that it runs now. */
  get running(): number {
    return this.#running;
  }

  statuses(): TaskStatusUpdate[] {
    return [...this.#tasks.values()];
  }

  onStatus(listener: StatusListener): () => void {
    this.#listener = listener;
    return () => {
      this.#listener = undefined;
    };
  }

  /** Nobody is removed here. */
  dismiss(): void {}

  beginSession(onApplied: (version: number) => void): void {
    this.#onApplied = onApplied;
  }

  receive({ version, complete, changes }: Assignments): void {
    const named = new Set<string>();
    for (const { item, removed } of changes) {
      if (item?.$case !== 'task') continue;
      named.add(item.value.id);
      if (removed) this.#forget(item.value.id);
      else this.#take(item.value);
    }
    if (complete) for (const id of this.#tasks.keys()) if (!named.has(id)) this.#forget(id);
    this.#onApplied(version);
  }

  #take(task: Task): void {
    if (!this.#tasks.has(task.id)) this.#onArrival(task);
    const state = task.desiredState > TaskState.RUNNING ? TaskState.SHUTDOWN : TaskState.RUNNING;
    const before = this.#tasks.get(task.id)?.status?.state;
    if (before === state) return;
    if (before === TaskState.RUNNING) this.#running -= 1;
    if (state === TaskState.RUNNING) this.#running += 1;
    const addresses = (task.spec?.networks ?? []).map(({ target }) => ({
      networkId: target,
      address: addressOf(task),
    }));
    const status = { state, timestampMs: Date.now(), containerId: `container-${task.id}`, pid: 1000, addresses };
    const update = { taskId: task.id, status: TaskStatus.fromPartial(status) };
    this.#tasks.set(task.id, update);
    this.#listener?.(update);
  }

  #forget(taskId: string): void {
    if (this.#tasks.get(taskId)?.status?.state === TaskState.RUNNING) this.#running -= 1;
    this.#tasks.delete(taskId);
  }
}

/** Its own within its service, whatever its node's block is: nobody here sends anything to it. */
function addressOf({ slot }: Task): string {
  return `10.192.${slot >> 8}.${slot & 255}`;
}
