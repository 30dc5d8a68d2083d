/**
 * What runs in tasks' containers once they have started, one hook of a task at a time. A new agent knows of none that an
 * earlier one began, and runs it again: which were done is in the task's record.
 */
import type { Logger } from 'pino';
import { errorLine, toGantryError } from '../../proto/errors.ts';
import type { Hook } from '../../proto/generated/gantry/v1/types.ts';
import type { Containers } from '../container/containers.ts';

/** How far the present hook of a task is; none: it hasn't begun. */
export type HookState =
  | { readonly kind: 'running' }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly error: string };

export interface TaskHooksOptions {
  readonly containers: Pick<Containers, 'runHook'>;
  /** The task's state has changed. */
  readonly onChange: (taskId: string) => void;
  readonly logger: Logger;
}

/** Of a task's container, counted from 0. */
export interface PostStartHook {
  readonly containerId: string;
  readonly hook: Hook;
  readonly index: number;
}

interface Entry {
  state: HookState;
  readonly controller: AbortController;
}

export class TaskHooks {
  readonly #options: TaskHooksOptions;
  readonly #entries = new Map<string, Entry>();
  /** Those that end, too. */
  readonly #running = new Set<Promise<void>>();

  constructor(options: TaskHooksOptions) {
    this.#options = options;
  }

  stateOf(taskId: string): HookState | undefined {
    return this.#entries.get(taskId)?.state;
  }

  /** `onChange` tells of its end. Nothing for a task of which one runs already. */
  begin(taskId: string, hook: PostStartHook): void {
    if (this.#entries.has(taskId)) return;
    const entry: Entry = { state: { kind: 'running' }, controller: new AbortController() };
    this.#entries.set(taskId, entry);
    const running = this.#run(taskId, hook, entry.controller.signal)
      .then((state) => this.#settle(taskId, entry, state))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Its end is dealt with, or not wanted any more. */
  leave(taskId: string): void {
    this.#entries.get(taskId)?.controller.abort();
    this.#entries.delete(taskId);
  }

  /** Breaks off what runs, and waits for its end. */
  async close(): Promise<void> {
    for (const taskId of [...this.#entries.keys()]) this.leave(taskId);
    await Promise.all(this.#running);
  }

  async #run(taskId: string, { containerId, hook, index }: PostStartHook, signal: AbortSignal): Promise<HookState> {
    const name = `post_start hook ${index + 1}`;
    try {
      const { code, output } = await this.#options.containers.runHook(containerId, hook, signal);
      if (code === 0) return { kind: 'done' };
      const last = output.trim().split('\n').at(-1) ?? '';
      return { kind: 'failed', error: `${name}: exit code ${code}${last === '' ? '' : `: ${last}`}` };
    } catch (error) {
      this.#options.logger.warn({ taskId, hook: index + 1, err: error }, 'post_start hook of a task could not be run');
      return { kind: 'failed', error: `${name}: ${errorLine(toGantryError(error))}` };
    }
  }

  #settle(taskId: string, entry: Entry, state: HookState): void {
    if (this.#entries.get(taskId) !== entry) return;
    entry.state = state;
    this.#options.onChange(taskId);
  }
}
