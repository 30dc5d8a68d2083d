/**
 * A step's output, bounded as BuildKit's is: what is more than that is left out, but for the end. Nobody reads it, and a
 * client that is slower than the step would have it all kept here.
 */

/** Of one step. */
const MAX_BYTES = 2 << 20;
/** What is kept to be shown when the step ends. */
const TAIL_BYTES = 16 << 10;

export class ClippedOutput {
  readonly #push: (data: Buffer) => void;
  readonly #maxBytes: number;
  #bytes = 0;
  #tail = Buffer.alloc(0);
  #left = 0;

  constructor(push: (data: Buffer) => void, maxBytes = MAX_BYTES) {
    this.#push = push;
    this.#maxBytes = maxBytes;
  }

  write(data: Uint8Array): void {
    const room = this.#maxBytes - this.#bytes;
    if (room > 0) this.#push(Buffer.from(data.subarray(0, room)));
    this.#bytes += data.length;
    if (data.length <= room) return;
    const rest = data.subarray(Math.max(0, room));
    this.#left += rest.length;
    this.#tail = Buffer.concat([this.#tail, rest]).subarray(-TAIL_BYTES);
  }

  /** Pushes the end of what was left out. */
  end(): void {
    if (this.#left === 0) return;
    const missing = this.#left - this.#tail.length;
    if (missing > 0) this.#push(Buffer.from(`\n[output clipped: ${missing} bytes are left out]\n`));
    this.#push(Buffer.from(this.#tail));
  }
}
