/** What one side pushes when it likes, the other takes with `for await`. */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #wake = Promise.withResolvers<void>();
  #end: { readonly error: unknown } | undefined;

  push(item: T): void {
    this.#items.push(item);
    this.#wake.resolve();
  }

  /** No more comes; with an error the iteration throws it after the last item. */
  end(error?: unknown): void {
    this.#end = { error };
    this.#wake.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) {
        yield item;
        continue;
      }
      if (this.#end !== undefined) {
        if (this.#end.error !== undefined) throw this.#end.error;
        return;
      }
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
  }
}
