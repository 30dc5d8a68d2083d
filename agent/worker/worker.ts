/** Runs the tasks assigned to this node: one TaskRunner each. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { TaskStatusUpdate } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { Task } from '../../proto/generated/gantry/v1/types.ts';
import type { Containers } from '../container/containers.ts';
import type { Images } from '../image/images.ts';
import type { ImageSource } from '../registry/image-source.ts';
import type { ExecutorContext } from './executor-context.ts';
import { RecordStore } from './record-store.ts';
import type { TaskMaterial } from './task-container.ts';
import { TaskHooks } from './task-hooks.ts';
import { TaskPulls } from './task-pulls.ts';
import { newRecord, strayRecord, type TaskRecord } from './task-record.ts';
import { TaskRunner } from './task-runner.ts';
import type { NodeFacts } from './task-templates.ts';

export interface WorkerOptions {
  /** Holds `tasks/`, the records. */
  readonly dir: string;
  readonly containers: Containers;
  readonly images: Pick<Images, 'resolve'>;
  readonly imageSource: ImageSource;
  readonly node: NodeFacts;
  /** Since when this node has no manager, in milliseconds since the epoch; undefined while it has one. */
  readonly aloneSinceMs: () => number | undefined;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const NO_MATERIAL: TaskMaterial = {
  secrets: new Map(),
  configs: new Map(),
  networks: new Set(),
  credentials: 'unknown',
};

export class Worker {
  readonly #options: WorkerOptions;
  readonly #store: RecordStore;
  readonly #runners = new Map<string, TaskRunner>();
  readonly #pulls: TaskPulls;
  readonly #hooks: TaskHooks;
  readonly #statusListeners = new Set<(update: TaskStatusUpdate) => void>();
  readonly #forgottenListeners = new Set<() => void>();
  #material = NO_MATERIAL;
  #unsubscribe: () => void = () => undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#store = new RecordStore(join(options.dir, 'tasks'), options.logger);
    const onChange = (taskId: string) => this.#runners.get(taskId)?.poke();
    this.#pulls = new TaskPulls({ source: options.imageSource, onChange, logger: options.logger });
    this.#hooks = new TaskHooks({ containers: options.containers, onChange, logger: options.logger });
  }

  /** Goes on with the tasks that an earlier agent left. The containers have been recovered by now. */
  start(readyNetworks: ReadonlySet<string>): void {
    this.#material = { ...NO_MATERIAL, networks: readyNetworks };
    for (const record of this.#store.load()) this.#adopt(record);
    this.#unsubscribe = this.#options.containers.subscribe(({ container }) => {
      this.#runners.get(container.taskId)?.poke();
      if (container.taskId !== '') this.#pokeSharers(container.taskId);
    });
    this.#pokeAll();
  }

  /**
   * All tasks that this node has now, and what they are made of. Resolves when it is written down, long before it is done.
   * Rejects when that can't be done of some; the others go on, and those say why they wait.
   */
  async assign(tasks: ReadonlyMap<string, Task>, material: TaskMaterial): Promise<void> {
    this.#material = material;
    this.#pulls.resume();
    await this.#adoptStrays();
    const failures: unknown[] = [];
    for (const [id, runner] of this.#runners) {
      if (!tasks.has(id)) attempt(failures, () => runner.unassign());
    }
    for (const task of tasks.values()) {
      const runner = this.#runner(task);
      attempt(failures, () => runner.assign(task));
    }
    this.#pokeAll();
    for (const failure of failures) throw failure;
  }

  /** Statuses of all assigned tasks. */
  statuses(): TaskStatusUpdate[] {
    return [...this.#runners.values()].filter(({ record }) => record.assigned).map(({ record }) => update(record));
  }

  /** Every change of a task's status. Returns the unsubscribe function. */
  onStatus(listener: (update: TaskStatusUpdate) => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  /** Stops and removes every task; resolves when nothing is left of them. For leaving the cluster. */
  async removeAll(signal: AbortSignal): Promise<void> {
    await this.assign(new Map(), NO_MATERIAL);
    while (this.#runners.size > 0) {
      signal.throwIfAborted();
      await this.#nextForgotten(signal);
    }
  }

  /** Tasks stay as they are: their containers go on. */
  async close(): Promise<void> {
    this.#unsubscribe();
    await Promise.all([...this.#runners.values()].map((runner) => runner.close()));
    await Promise.all([this.#pulls.close(), this.#hooks.close()]);
  }

  #runner(task: Task): TaskRunner {
    return this.#runners.get(task.id) ?? this.#adopt(newRecord(task));
  }

  /** Containers of tasks that no record knows: the record was lost, or another cluster left them. */
  async #adoptStrays(): Promise<void> {
    for (const { taskId } of await this.#options.containers.list({ all: true, filters: [] })) {
      if (taskId !== '' && !this.#runners.has(taskId)) this.#adopt(strayRecord(taskId));
    }
  }

  #adopt(record: TaskRecord): TaskRunner {
    const runner = new TaskRunner({
      record,
      store: this.#store,
      context: () => this.#context(),
      onStatus: (changed) => this.#report(changed),
      onForgotten: (taskId) => this.#forget(taskId),
    });
    this.#runners.set(record.task.id, runner);
    return runner;
  }

  #context(): ExecutorContext {
    const { containers, images, node, aloneSinceMs, logger, now } = this.#options;
    return {
      containers,
      images,
      pulls: this.#pulls,
      hooks: this.#hooks,
      node,
      aloneSinceMs,
      logger,
      now,
      material: this.#material,
    };
  }

  /** Those that are on the task's network. */
  #pokeSharers(taskId: string): void {
    for (const runner of this.#runners.values()) if (runner.record.task.networkTaskId === taskId) runner.poke();
  }

  #pokeAll(): void {
    for (const runner of this.#runners.values()) runner.poke();
  }

  #report(record: TaskRecord): void {
    if (!record.assigned) return;
    for (const listener of this.#statusListeners) listener(update(record));
  }

  #forget(taskId: string): void {
    this.#runners.delete(taskId);
    for (const listener of this.#forgottenListeners) listener();
  }

  #nextForgotten(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#forgottenListeners.delete(settle);
        signal.removeEventListener('abort', settle);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      this.#forgottenListeners.add(settle);
      signal.addEventListener('abort', settle, { once: true });
    });
  }
}

function attempt(failures: unknown[], action: () => void): void {
  try {
    action();
  } catch (error) {
    failures.push(error);
  }
}

function update({ task, status }: TaskRecord): TaskStatusUpdate {
  return { taskId: task.id, status };
}
