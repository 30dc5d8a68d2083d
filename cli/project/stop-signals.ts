/** SIGINT and SIGTERM, counted: what each further one means is up to who listens. */

export class StopSignals {
  readonly #stages = [new AbortController(), new AbortController(), new AbortController()] as const;
  readonly #closed = new AbortController();
  readonly #listener = () => this.#heard();
  #count = 0;

  constructor() {
    process.on('SIGINT', this.#listener);
    process.on('SIGTERM', this.#listener);
  }

  get count(): number {
    return this.#count;
  }

  /** Resolves with true when the first came; false: none came before it was closed. */
  get first(): Promise<boolean> {
    return this.#came(this.#stages[0].signal);
  }

  /** Aborts with the first. */
  get interrupted(): AbortSignal {
    return this.#stages[0].signal;
  }

  get second(): Promise<boolean> {
    return this.#came(this.#stages[1].signal);
  }

  /** Aborts with the third: whoever wants to go away so much may go. */
  get forced(): AbortSignal {
    return this.#stages[2].signal;
  }

  /** Signals end the program again. */
  close(): void {
    process.off('SIGINT', this.#listener);
    process.off('SIGTERM', this.#listener);
    this.#closed.abort();
  }

  #heard(): void {
    this.#stages[this.#count]?.abort();
    this.#count += 1;
  }

  #came(stage: AbortSignal): Promise<boolean> {
    const either = AbortSignal.any([stage, this.#closed.signal]);
    return new Promise((resolve) => {
      if (either.aborted) resolve(stage.aborted);
      else either.addEventListener('abort', () => resolve(stage.aborted), { once: true });
    });
  }
}
