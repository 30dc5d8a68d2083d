/**
 * The images that tasks wait for. Tasks that want the same one share its pull, which ends early when none is left that
 * wants it. A new agent knows of none: what a pull has brought until then is found again by the next.
 */
import type { Logger } from 'pino';
import { errorLine, GantryError, toGantryError } from '../../proto/errors.ts';
import type { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import type { ImageOrder, ImageSource } from '../registry/image-source.ts';
import { SharedWork } from '../registry/shared-work.ts';

/** How far a task's image is; none: nobody has asked for it. */
export type PullState =
  /** `doing`: in words for a user. */
  | { readonly kind: 'pulling'; readonly doing: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly error: string };

export interface WantedImage {
  readonly reference: string;
  readonly order: ImageOrder;
  /** 'unknown': no manager has said yet. */
  readonly credentials: RegistryCredentials | undefined | 'unknown';
}

export interface TaskPullsOptions {
  readonly source: ImageSource;
  /** The task's state has changed. */
  readonly onChange: (taskId: string) => void;
  readonly logger: Logger;
}

interface Entry {
  readonly reference: string;
  readonly state: PullState;
  readonly controller: AbortController;
  readonly isHeld: boolean;
}

export class TaskPulls {
  readonly #options: TaskPullsOptions;
  readonly #shared = new SharedWork<string>();
  readonly #entries = new Map<string, Entry>();
  /** References that have come, by task. */
  readonly #pulled = new Map<string, ReadonlySet<string>>();
  /** Those that end, too. */
  readonly #running = new Set<Promise<void>>();

  constructor(options: TaskPullsOptions) {
    this.#options = options;
  }

  stateOf(taskId: string): PullState | undefined {
    return this.#entries.get(taskId)?.state;
  }

  /** It has asked for this one, which has come since. */
  hasPulled(taskId: string, reference: string): boolean {
    return this.#pulled.get(taskId)?.has(reference) === true;
  }

  /** `onChange` tells of its end. Nothing for a task that has asked for it already; another one takes the place of that. */
  begin(taskId: string, { reference, order, credentials }: WantedImage): void {
    const known = this.#entries.get(taskId);
    if (known?.reference === reference) return;
    known?.controller.abort();
    const controller = new AbortController();
    if (credentials === 'unknown') {
      const doing = `waiting for a manager before pulling ${reference}`;
      this.#entries.set(taskId, { reference, state: { kind: 'pulling', doing }, controller, isHeld: true });
      return;
    }
    const state = { kind: 'pulling', doing: `pulling ${reference}` } as const;
    const entry: Entry = { reference, state, controller, isHeld: false };
    this.#entries.set(taskId, entry);
    const running = this.#pull({ reference, order, credentials }, controller.signal)
      .then((end) => this.#settle(taskId, entry, end))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** It doesn't want its image any more, or has it. */
  leave(taskId: string): void {
    this.#entries.get(taskId)?.controller.abort();
    this.#entries.delete(taskId);
    this.#pulled.delete(taskId);
  }

  /** A manager has said what there is to know: those that waited for that ask again. */
  resume(): void {
    for (const [taskId, { isHeld }] of this.#entries) if (isHeld) this.leave(taskId);
  }

  /** Breaks off what is under way, and waits for its end. */
  async close(): Promise<void> {
    for (const taskId of [...this.#entries.keys()]) this.leave(taskId);
    await Promise.all(this.#running);
  }

  async #pull(
    { reference, order, credentials }: WantedImage & { readonly credentials: RegistryCredentials | undefined },
    signal: AbortSignal,
  ): Promise<PullState> {
    const { source, logger } = this.#options;
    // Others' credentials may be wrong, or more than these may have.
    const key = JSON.stringify([reference, order, credentials ?? null]);
    try {
      await this.#shared.join(
        key,
        async (tell, either) => void (await source.bring(reference, credentials, tell, either, order)),
        (line) => logger.debug({ image: reference }, line),
        signal,
      );
      return { kind: 'done' };
    } catch (error) {
      if (!signal.aborted) logger.warn({ image: reference, err: error }, 'cannot pull the image of a task');
      return { kind: 'failed', error: errorLine(asTaskError(error, reference, credentials !== undefined)) };
    }
  }

  #settle(taskId: string, entry: Entry, state: PullState): void {
    if (this.#entries.get(taskId) !== entry) return;
    this.#entries.set(taskId, { ...entry, state });
    if (state.kind === 'done')
      this.#pulled.set(taskId, new Set([...(this.#pulled.get(taskId) ?? []), entry.reference]));
    this.#options.onChange(taskId);
  }
}

/** Docker's words, and why. */
function asTaskError(thrown: unknown, reference: string, hasCredentials: boolean): GantryError {
  const error = toGantryError(thrown);
  if (error.code === 'PERMISSION_DENIED') {
    const hint = hasCredentials
      ? 'log in again, and deploy with --with-registry-auth'
      : 'log in, and deploy with --with-registry-auth';
    return new GantryError(error.code, error.message, { hint, cause: error });
  }
  return new GantryError(error.code, `No such image: ${reference}: ${error.message}`, {
    hint: error.hint || `bring it to this node with "gantry pull ${reference}" or "gantry image load"`,
    cause: error,
  });
}

export function noSuchImage(reference: string): GantryError {
  return new GantryError('IMAGE_NOT_FOUND', `No such image: ${reference}`, {
    hint: `bring it to this node with "gantry pull ${reference}" or "gantry image load"`,
  });
}
