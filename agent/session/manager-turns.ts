/** Which manager is tried next, and when: each of them once, and only then after a pause. */
import { Backoff } from './backoff.ts';

export class ManagerTurns {
  readonly #backoff: Backoff;
  #attempts = 0;
  /** Since the last manager that took the node in. */
  #failures = 0;

  /** `random`: uniform in [0, 1). */
  constructor(random: () => number) {
    this.#backoff = new Backoff({ firstMs: 100, lastMs: 2000, random });
  }

  /** Undefined when none is known. */
  next<Manager>(known: readonly Manager[]): Manager | undefined {
    const manager = known[this.#attempts % known.length];
    this.#attempts += 1;
    this.#failures += 1;
    return manager;
  }

  welcomed(): void {
    this.#failures = 0;
    this.#backoff.reset();
  }

  /** Before the next attempt, with as many managers known. */
  delayMs(known: number): number {
    return this.#failures < known ? 0 : this.#backoff.nextMs();
  }
}
