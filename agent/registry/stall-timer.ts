/** An end to waiting for somebody who has stalled, or who sends so little that it comes to the same. */

/** So much within the time is no stall; who sends a byte now and then holds on to what waits for it all the same. */
const ENOUGH_BYTES = 4 << 10;

/** Calls `onStall` when less than enough has come in some time. */
export class StallTimer {
  readonly #onStall: () => void;
  #ms: number;
  #timer: NodeJS.Timeout | undefined;
  #isOver: boolean = false;
  #startedAtMs = 0;
  /** Of the time that enough must come in. */
  #leftMs = 0;
  #receivedBytes = 0;

  constructor(ms: number, onStall: () => void) {
    this.#ms = ms;
    this.#onStall = onStall;
    this.restart();
  }

  restart(): void {
    this.pause();
    this.#receivedBytes = 0;
    this.#leftMs = this.#ms;
    this.#resume();
  }

  pause(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#leftMs -= performance.now() - this.#startedAtMs;
  }

  /** Ends a pause. */
  received(bytes: number): void {
    this.#receivedBytes += bytes;
    if (this.#receivedBytes >= ENOUGH_BYTES) this.restart();
    else this.#resume();
  }

  #resume(): void {
    if (this.#isOver) return;
    this.#startedAtMs = performance.now();
    this.#timer = setTimeout(this.#onStall, Math.max(0, this.#leftMs));
  }

  /** From now on it may take longer. */
  stretch(factor: number): void {
    this.#ms *= factor;
    this.restart();
  }

  end(): void {
    this.#isOver = true;
    this.pause();
  }
}
