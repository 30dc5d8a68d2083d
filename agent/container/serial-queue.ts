/** One operation after another: the lock of a container. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `operation` once all earlier ones have ended, however they did. An operation must not wait for a later one. */
  run<Result>(operation: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(operation);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
