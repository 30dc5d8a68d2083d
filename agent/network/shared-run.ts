/** Work that brings something in line with what is wanted as a whole: those who ask while it is done share its next run. */
export class SharedRun {
  readonly #work: () => Promise<void>;
  #running: Promise<void> = Promise.resolve();
  /** Begins after the one under way. */
  #waiting: Promise<void> | undefined;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Resolves when a run has ended that began after this call; rejects with its failure. */
  request(): Promise<void> {
    this.#waiting ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#waiting = undefined;
        this.#running = this.#work();
        return this.#running;
      });
    return this.#waiting;
  }
}
