/** Promises that resolve once something is so. */
import type { GantryError } from '../../../proto/errors.ts';

interface Waiter {
  readonly isSo: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: GantryError) => void;
}

export interface Patience {
  readonly timeoutMs: number;
  /** Why it still isn't so. */
  readonly explain: () => GantryError;
}

export class Conditions {
  readonly #waiters = new Set<Waiter>();
  #ended: GantryError | undefined;

  /** Rejects when the patience is at its end, or this is; without patience it waits. */
  until(isSo: () => boolean, patience?: Patience): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (isSo()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        isSo,
        resolve: () => {
          settle();
          resolve();
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      const timer =
        patience === undefined ? undefined : setTimeout(() => waiter.reject(patience.explain()), patience.timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  /** Something has changed. */
  check(): void {
    for (const waiter of [...this.#waiters]) if (waiter.isSo()) waiter.resolve();
  }

  end(error: GantryError): void {
    this.#ended ??= error;
    for (const waiter of [...this.#waiters]) waiter.reject(error);
  }
}
