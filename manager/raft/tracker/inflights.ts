/** The messages with entries that are on their way to one follower: a queue by the index of each one's last entry. */
import assert from 'node:assert/strict';

/** Positions given up at the front before the queue is moved together. */
const MAX_WASTE = 1024;

export class Inflights {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #lastIndexes: number[] = [];
  #sizes: number[] = [];
  /** Position of the first one that is still on its way. */
  #head = 0;
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#lastIndexes.length - this.#head;
  }

  /** As many messages, or bytes, as may be. One message may go beyond the bytes. */
  get full(): boolean {
    return this.count >= this.#maxMessages || this.#bytes >= this.#maxBytes;
  }

  /** A message was sent whose last entry is at `index`; later ones have later indexes. */
  add(index: number, bytes: number): void {
    assert(!this.full, 'a message was sent into a full window');
    this.#lastIndexes.push(index);
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  /** The messages up to `index` have arrived. */
  freeTo(index: number): void {
    for (let next = this.#lastIndexes[this.#head]; next !== undefined && next <= index; ) {
      this.#bytes -= this.#sizes[this.#head] ?? 0;
      this.#head += 1;
      next = this.#lastIndexes[this.#head];
    }
    if (this.count === 0) this.reset();
    else if (this.#head > MAX_WASTE && this.#head > this.count) this.#moveTogether();
  }

  reset(): void {
    if (this.#lastIndexes.length > 0) {
      this.#lastIndexes = [];
      this.#sizes = [];
    }
    this.#head = 0;
    this.#bytes = 0;
  }

  #moveTogether(): void {
    this.#lastIndexes = this.#lastIndexes.slice(this.#head);
    this.#sizes = this.#sizes.slice(this.#head);
    this.#head = 0;
  }
}
