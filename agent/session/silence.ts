/** Notices that a peer says nothing for too long. */
import { GantryError } from '../../proto/errors.ts';

export class Silence {
  readonly #fallen = Promise.withResolvers<GantryError>();
  #limitMs: number;
  #timer: NodeJS.Timeout;
  /** Of the monotonic clock, in milliseconds. */
  #heardAt = performance.now();
  /** Something may have been said that this process had yet to read. */
  #isDoubtful: boolean = false;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
    this.#timer = this.#start();
  }

  /** Resolves once nothing was heard for the time allowed; never, when it is stopped before. */
  get fallen(): Promise<GantryError> {
    return this.#fallen.promise;
  }

  /** Something was heard. */
  broken(): void {
    this.#heardAt = performance.now();
    this.#isDoubtful = false;
    this.#timer.refresh();
  }

  allow(limitMs: number): void {
    this.stop();
    this.#limitMs = limitMs;
    this.#timer = this.#start();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #start(): NodeJS.Timeout {
    this.#heardAt = performance.now();
    return setTimeout(() => this.#fall(), this.#limitMs);
  }

  /**
   * Timers come before what has arrived meanwhile: a process that was held up itself has yet to read what was said. Once:
   * one that is held up again and again would never find another manager.
   */
  #fall(): void {
    const lateMs = performance.now() - this.#heardAt - this.#limitMs;
    const isHeldUp = lateMs > this.#limitMs / 3;
    if (isHeldUp && !this.#isDoubtful) {
      this.#isDoubtful = true;
      this.allow(this.#limitMs);
    } else {
      this.#fallen.resolve(new GantryError('UNAVAILABLE', `the manager has said nothing for ${this.#limitMs} ms`));
    }
  }
}
