/**
 * Drives one task: decides on the next step, does it, writes down what came of it before the next, until there is
 * nothing to do but wait. What changes from outside pokes it.
 */
import { errorLine, toGantryError } from '../../proto/errors.ts';
import type { Task } from '../../proto/generated/gantry/v1/types.ts';
import { furtherState } from '../../proto/task-lifecycle.ts';
import type { ExecutorContext } from './executor-context.ts';
import { nextStep, type Observed, type Step } from './next-step.ts';
import type { RecordStore } from './record-store.ts';
import { executeStep } from './step-executors.ts';
import { missingMaterial } from './task-container.ts';
import type { RecordChange, TaskRecord } from './task-record.ts';

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;

export interface RunnerOptions {
  readonly record: TaskRecord;
  readonly store: RecordStore;
  /** Asked before each step, as material comes and goes. */
  readonly context: () => ExecutorContext;
  /** After the record is written. */
  readonly onStatus: (record: TaskRecord) => void;
  /** Once, when nothing is left of the task. */
  readonly onForgotten: (taskId: string) => void;
}

export class TaskRunner {
  readonly #options: RunnerOptions;
  #record: TaskRecord;
  /** The record has changed since it was last written. */
  #unwritten: boolean = false;
  #unreported: boolean = false;
  #poked: boolean = false;
  #closed: boolean = false;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;

  /** The record counts as written already. */
  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#record = options.record;
  }

  get record(): TaskRecord {
    return this.#record;
  }

  /**
   * Takes over what the manager wants, and writes it down. A task that was told to stop goes on stopping: a manager that has
   * just begun to lead may not know yet that it was told.
   */
  assign(task: Task): void {
    const desiredState = furtherState(this.#record.task.desiredState, task.desiredState);
    try {
      this.#change({ task: { ...task, desiredState }, assigned: true });
    } catch (error) {
      this.#reportWaiting(error);
      throw error;
    }
  }

  /** The manager names the task no longer: its container goes, and everything about it. */
  unassign(): void {
    if (this.#record.assigned) this.#change({ assigned: false });
  }

  /** Something may have changed: look again. */
  poke(): void {
    if (this.#closed) return;
    this.#poked = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#poked) this.poke();
    });
  }

  /** Lets the step that is being done come to its end, and does no other. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#poked = false;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#poked && !this.#closed) {
      this.#poked = false;
      clearTimeout(this.#timer);
      try {
        await this.#advance();
        this.#failures = 0;
      } catch (error) {
        this.#retryLater(error);
      }
    }
  }

  /** Steps until there is nothing to do. */
  async #advance(): Promise<void> {
    while (!this.#closed) {
      const context = this.#options.context();
      const step = nextStep(this.#record, this.#observe(context));
      if (!isNote(step)) this.#settle();
      this.#apply(await executeStep(step, this.#record, context));
      if (step.kind === 'wait') {
        this.#settle();
        return this.#sleepUntil(step, context);
      }
      if (step.kind === 'forget') return this.#forget();
    }
  }

  #observe({ containers, pulls, hooks, material, aloneSinceMs, now }: ExecutorContext): Observed {
    const { task } = this.#record;
    const missing = missingMaterial(task, material);
    const [pull, hook] = [pulls.stateOf(task.id), hooks.stateOf(task.id)];
    return {
      container: containers.findByTask(task.id),
      preStarts: hasPreStarts(this.#record) ? containers.findPreStarts(task.id) : [],
      networkPeer: task.networkTaskId === undefined ? undefined : containers.findByTask(task.networkTaskId),
      missing,
      pull,
      hook,
      aloneSinceMs: aloneSinceMs(),
      nowMs: now(),
    };
  }

  /** Onto the record as it is now: the manager may have changed its mind during a step. */
  #apply(change: RecordChange): void {
    if (Object.keys(change).length === 0) return;
    if (change.status !== undefined) this.#unreported = true;
    this.#unwritten = true;
    this.#record = { ...this.#record, ...change };
  }

  /** Writes the record down, and then reports it. */
  #settle(): void {
    if (this.#unwritten) this.#change({});
    if (!this.#unreported) return;
    this.#unreported = false;
    this.#options.onStatus(this.#record);
  }

  #change(change: Partial<TaskRecord>): void {
    const record = { ...this.#record, ...change };
    this.#options.store.save(record);
    this.#record = record;
    this.#unwritten = false;
  }

  #sleepUntil({ untilMs }: Extract<Step, { kind: 'wait' }>, { now }: ExecutorContext): void {
    if (untilMs !== undefined) this.#wakeIn(untilMs - now());
  }

  #forget(): void {
    // Assigned again while the last step was done: then it isn't over.
    if (this.#record.assigned) {
      this.poke();
      return;
    }
    this.#closed = true;
    this.#options.store.remove(this.#record.task.id);
    this.#options.onForgotten(this.#record.task.id);
  }

  /** The host is in the way (a process that can't be killed, a full disk): the same step again, ever more slowly. */
  #retryLater(error: unknown): void {
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, LAST_RETRY_MS);
    this.#failures += 1;
    const { logger } = this.#options.context();
    logger.error({ taskId: this.#record.task.id, err: error, delayMs }, 'step of a task failed; trying again');
    this.#reportWaiting(error);
    this.#wakeIn(delayMs);
  }

  /** Not written down: a disk that is full is a reason like others. What is reported next takes it back. */
  #reportWaiting(error: unknown): void {
    const message = `trying again: ${errorLine(toGantryError(error))}`;
    this.#unreported = true;
    this.#options.onStatus({ ...this.#record, status: { ...this.#record.status, message } });
  }

  #wakeIn(delayMs: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => this.poke(), Math.max(delayMs, 0));
  }
}

/** Of what is to go it isn't known what it had. */
function hasPreStarts({ task, assigned }: TaskRecord): boolean {
  return !assigned || (task.spec?.container?.preStart.length ?? 0) > 0;
}

/**
 * Whether a step changes the record alone. Several in a row are written and reported as one, before anything is done in
 * the world: those that a crash loses are found again.
 */
function isNote({ kind }: Step): boolean {
  return kind === 'advance' || kind === 'condemn';
}
