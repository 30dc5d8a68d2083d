/** When to look whether the kernel is still as it should be: soon after somebody has changed something, and now and then. */

/** From the first news to the look: changes come in groups. */
const SETTLE_MS = 200;
/** From the end of one look to the next, however much is changed meanwhile. */
const PAUSE_MS = 500;
/** After a look that has failed. */
const RETRY_MS = 5_000;
/** For what nobody tells of, such as a sysctl. */
const PERIOD_MS = 30_000;

export class HealLoop {
  /** Puts back what is missing. True: done; false: it failed, and has said so. */
  readonly #heal: () => Promise<boolean>;
  #timer: NodeJS.Timeout | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #earliestMs = 0;
  #running: Promise<void> | undefined;
  /** While a look is under way. */
  #requests = 0;
  readonly #end = new AbortController();

  constructor(heal: () => Promise<boolean>) {
    this.#heal = heal;
  }

  start(): void {
    this.#schedule(PERIOD_MS);
  }

  /** Something has changed. */
  request(): void {
    if (this.#running === undefined) this.#schedule(SETTLE_MS);
    else this.#requests += 1;
  }

  /** Resolves when the look under way has ended; no other begins. */
  async close(): Promise<void> {
    this.#end.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(delayMs: number): void {
    const dueMs = Math.max(performance.now() + delayMs, this.#earliestMs);
    if (this.#end.signal.aborted || dueMs >= this.#dueMs) return;
    clearTimeout(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = setTimeout(() => this.#begin(), dueMs - performance.now()).unref();
  }

  #begin(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#requests = 0;
    this.#running = Promise.resolve()
      .then(this.#heal)
      .then((isDone) => {
        this.#running = undefined;
        this.#earliestMs = performance.now() + PAUSE_MS;
        if (this.#requests > 0) this.#schedule(0);
        this.#schedule(isDone ? PERIOD_MS : RETRY_MS);
      });
  }
}
