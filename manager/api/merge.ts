/** Several streams as one. */

/**
 * By order: each next item is the smallest of the streams' first ones; as far as each stream is in order, the
 * whole is. Reads one item ahead per stream.
 */
export async function* mergeInOrder<T>(
  sources: readonly AsyncIterable<T>[],
  compare: (a: T, b: T) => number,
): AsyncGenerator<T, void, undefined> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  try {
    const heads = await Promise.all(iterators.map((iterator) => iterator.next()));
    for (;;) {
      let first: { position: number; value: T } | undefined;
      heads.forEach((head, position) => {
        if (head.done === true) return;
        if (first === undefined || compare(head.value, first.value) < 0) first = { position, value: head.value };
      });
      const chosen = first as { position: number; value: T } | undefined;
      if (chosen === undefined) return;
      yield chosen.value;
      const iterator = iterators[chosen.position];
      if (iterator !== undefined) heads[chosen.position] = await iterator.next();
    }
  } finally {
    await Promise.allSettled(iterators.map((iterator) => iterator.return?.()));
  }
}

/** As they come: streams may be added while it is read. It ends when the signal aborts, or a stream fails. */
export class Confluence<T> {
  readonly #signal: AbortSignal;
  readonly #queue: { readonly item: T; readonly taken: () => void }[] = [];
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#release(), { once: true });
  }

  add(source: AsyncIterable<T>): void {
    void this.#pump(source);
  }

  async *read(): AsyncGenerator<T, void, undefined> {
    try {
      while (!this.#signal.aborted) {
        const next = this.#queue.shift();
        if (next !== undefined) {
          next.taken();
          yield next.item;
        } else if (this.#failure !== undefined) throw this.#failure.error;
        else await this.#somethingNew();
      }
    } finally {
      this.#release();
    }
  }

  #somethingNew(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** One item of each stream waits in the queue at most: a slow reader slows the streams. */
  async #pump(source: AsyncIterable<T>): Promise<void> {
    try {
      for await (const item of source) {
        if (this.#signal.aborted) return;
        await new Promise<void>((taken) => {
          this.#queue.push({ item, taken });
          this.#wake?.();
        });
      }
    } catch (error) {
      this.#failure = { error };
      this.#wake?.();
    }
  }

  /** Lets all streams go on, to see that it is over. */
  #release(): void {
    for (const { taken } of this.#queue.splice(0)) taken();
    this.#wake?.();
  }
}
