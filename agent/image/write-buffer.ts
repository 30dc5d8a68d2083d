/** Gathers small pieces into writes that are worth a system call: a TLS record is 16 KiB, and there are 60,000 in a gigabyte. */

const BUFFER_BYTES = 1 << 18;

export class WriteBuffer {
  readonly #sink: (bytes: Uint8Array) => Promise<void>;
  #buffer: Buffer | undefined;
  #filled = 0;

  /** `sink` is done with the bytes when it resolves. */
  constructor(sink: (bytes: Uint8Array) => Promise<void>) {
    this.#sink = sink;
  }

  /** One call at a time. The piece is the caller's again when it resolves. */
  async write(piece: Uint8Array): Promise<void> {
    if (this.#filled + piece.length > BUFFER_BYTES) await this.flush();
    if (piece.length >= BUFFER_BYTES) {
      await this.#sink(piece);
      return;
    }
    this.#buffer ??= Buffer.allocUnsafeSlow(BUFFER_BYTES);
    this.#buffer.set(piece, this.#filled);
    this.#filled += piece.length;
  }

  /** Hands on what has been gathered. */
  async flush(): Promise<void> {
    if (this.#buffer === undefined || this.#filled === 0) return;
    const gathered = this.#buffer.subarray(0, this.#filled);
    this.#filled = 0;
    await this.#sink(gathered);
  }
}
