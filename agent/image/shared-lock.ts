/** Many at once, or one alone: work that adds content shares it, garbage collection has it for itself. */
export class SharedLock {
  #sharing = 0;
  #alone: Promise<void> | undefined;
  #released = Promise.withResolvers<void>();

  async shared<T>(work: () => Promise<T>): Promise<T> {
    const leave = await this.enter();
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /** Shares it until the returned function is called, once. */
  async enter(): Promise<() => void> {
    while (this.#alone !== undefined) await this.#alone;
    this.#sharing++;
    return () => this.#leave();
  }

  #leave(): void {
    this.#sharing--;
    if (this.#sharing > 0) return;
    this.#released.resolve();
    this.#released = Promise.withResolvers();
  }

  /** Waits until nobody shares it; those who come later wait for `work` once it has begun. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    while (this.#sharing > 0 || this.#alone !== undefined) await (this.#alone ?? this.#released.promise);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#alone = promise;
    try {
      return await work();
    } finally {
      this.#alone = undefined;
      resolve();
    }
  }
}
