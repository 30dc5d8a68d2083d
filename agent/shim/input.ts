/** Standard input through a shim: one frame under way at a time, so that the process's pace is the writer's. */
import type { ShimConnection } from './connection.ts';
import { ClientFrame, encodeFrame, MAX_PAYLOAD } from './protocol.ts';

export class ShimInput {
  readonly #connection: ShimConnection;
  #queue: Promise<void> = Promise.resolve();
  #taken: (() => void) | undefined;
  #ended = false;

  constructor(connection: ShimConnection) {
    this.#connection = connection;
  }

  /** Resolves when the process has it all, or has ended. Calls are served in order. */
  write(data: Uint8Array): Promise<void> {
    this.#queue = this.#queue.then(() => this.#write(data));
    return this.#queue;
  }

  /** Takes effect after what has been written before. */
  close(): void {
    this.#queue = this.#queue.then(() => this.#connection.send(encodeFrame(ClientFrame.CLOSE_STDIN)));
  }

  /** The shim has said that it has taken the last frame. */
  taken(): void {
    this.#taken?.();
    this.#taken = undefined;
  }

  /** The connection has ended: what is under way will never be acknowledged. */
  end(): void {
    this.#ended = true;
    this.taken();
  }

  async #write(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length && !this.#ended; at += MAX_PAYLOAD) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#taken = resolve;
      this.#connection.send(encodeFrame(ClientFrame.STDIN, data.subarray(at, at + MAX_PAYLOAD)));
      await promise;
    }
  }
}
