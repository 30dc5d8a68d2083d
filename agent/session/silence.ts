/** Notices that a peer says nothing for too long. */
import { GantryError } from '../../proto/errors.ts';

export class Silence {
  readonly #fallen = Promise.withResolvers<GantryError>();
  #limitMs: number;
  #timer: NodeJS.Timeout;

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
    const silent = new GantryError('UNAVAILABLE', `the manager has said nothing for ${this.#limitMs} ms`);
    return setTimeout(() => this.#fallen.resolve(silent), this.#limitMs);
  }
}
