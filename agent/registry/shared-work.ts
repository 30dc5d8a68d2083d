/** The same work wanted by several at once is done once: all hear of its progress, and it is broken off when none is left. */
import { GantryError } from '../../proto/errors.ts';

interface Running<Progress> {
  readonly work: Promise<void>;
  readonly controller: AbortController;
  readonly listeners: Set<(progress: Progress) => void>;
  last: Progress | undefined;
}

export class SharedWork<Progress> {
  readonly #running = new Map<string, Running<Progress>>();

  /**
   * Joins the work of that key, or starts it. Throws what the work throws; CANCELLED when `signal` aborts, at once while
   * others want it, and otherwise when the work has ended.
   */
  async join(
    key: string,
    start: (report: (progress: Progress) => void, signal: AbortSignal) => Promise<void>,
    listener: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const running = this.#running.get(key) ?? this.#start(key, start);
    // Each caller is told by a function of its own, even if two pass the same one.
    const own = (progress: Progress) => listener(progress);
    running.listeners.add(own);
    if (running.last !== undefined) own(running.last);
    try {
      await untilAborted(running.work, signal);
    } finally {
      running.listeners.delete(own);
    }
    if (!signal.aborted) return;
    if (running.listeners.size === 0) await this.#breakOff(key, running);
    throw new GantryError('CANCELLED', 'cancelled', { cause: signal.reason });
  }

  #start(
    key: string,
    start: (report: (progress: Progress) => void, signal: AbortSignal) => Promise<void>,
  ): Running<Progress> {
    const controller = new AbortController();
    const listeners = new Set<(progress: Progress) => void>();
    const report = (progress: Progress) => {
      running.last = progress;
      for (const listener of listeners) listener(progress);
    };
    const work = Promise.resolve()
      .then(() => start(report, controller.signal))
      .finally(() => this.#forget(key, running));
    const running: Running<Progress> = { work, controller, listeners, last: undefined };
    // Whoever joined hears of its failure; when all have left, nobody.
    work.catch(() => undefined);
    this.#running.set(key, running);
    return running;
  }

  /** Whoever wants it from now on starts it anew. */
  async #breakOff(key: string, running: Running<Progress>): Promise<void> {
    this.#forget(key, running);
    running.controller.abort();
    await running.work.catch(() => undefined);
  }

  #forget(key: string, running: Running<Progress>): void {
    if (this.#running.get(key) === running) this.#running.delete(key);
  }
}

/** The work's end, or the signal's; a failure of the work only when the signal hasn't aborted. */
async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const leave = () => resolve();
  signal.addEventListener('abort', leave, { once: true });
  try {
    await Promise.race([work, promise]);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
