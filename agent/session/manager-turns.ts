/** Which manager is tried next, when, and for how long: each of them once, and only then after a pause. */
import { Backoff } from './backoff.ts';

/** A SYN that is lost is sent again after a second (RFC 6298): with a new attempt soon after, a short blip stays one. */
const FIRST_PATIENCE_MS = 2000;
/** Of managers that can be reached but have too much to do. */
const LONGEST_PATIENCE_MS = 10_000;

export class ManagerTurns {
  readonly #backoff: Backoff;
  #attempts = 0;
  /** Since the last manager that took the node in. */
  #failures = 0;

  /** `random`: uniform in [0, 1). */
  constructor(random: () => number) {
    this.#backoff = new Backoff({ firstMs: 100, lastMs: 1000, random });
  }

  /** Undefined when none is known. */
  next<Manager>(known: readonly Manager[]): Manager | undefined {
    const manager = known[this.#attempts % known.length];
    this.#attempts += 1;
    this.#failures += 1;
    return manager;
  }

  /** How long the manager whose turn it is may take to welcome the node. */
  patienceMs(known: number): number {
    const rounds = Math.floor((this.#failures - 1) / Math.max(known, 1));
    return Math.min(FIRST_PATIENCE_MS * 2 ** rounds, LONGEST_PATIENCE_MS);
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
