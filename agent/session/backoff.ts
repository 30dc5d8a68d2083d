/** Delays between attempts: they double up to a bound, with jitter so that many agents don't come back at once. */

export interface BackoffOptions {
  readonly firstMs: number;
  readonly lastMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** The delay after one more failure: between half of the bound reached and all of it. */
  nextMs(): number {
    const { firstMs, lastMs, random } = this.#options;
    const boundMs = Math.min(firstMs * 2 ** this.#failures, lastMs);
    this.#failures += 1;
    return boundMs / 2 + (random() * boundMs) / 2;
  }

  reset(): void {
    this.#failures = 0;
  }
}
