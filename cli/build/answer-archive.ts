/** A tar that comes in pieces among other answers, for somebody who reads it as one. */
import { PassThrough } from 'node:stream';

export type TakeArchive = (archive: AsyncIterable<Uint8Array>) => Promise<void>;

export class AnswerArchive {
  readonly #take: TakeArchive | undefined;
  readonly #pieces = new PassThrough();
  #taken: Promise<void> | undefined;

  /** Undefined: it is dropped. */
  constructor(take: TakeArchive | undefined) {
    this.#take = take;
  }

  /** No faster than it is read. Rejects when its reader has. */
  async write(piece: Uint8Array): Promise<void> {
    if (this.#take === undefined) return;
    this.#taken ??= this.#take(this.#pieces);
    if (this.#pieces.write(piece)) return;
    const drained = Promise.withResolvers<void>();
    this.#pieces.once('drain', drained.resolve);
    await Promise.race([drained.promise, this.#taken]);
  }

  /** Resolves when it has been read to its end; at once if nothing came. */
  async end(): Promise<void> {
    this.#pieces.end();
    await this.#taken;
  }

  /** No more comes of it, for this reason. */
  abandon(reason: unknown): void {
    // Its reader's failure is the reason, or follows from it.
    this.#taken?.catch(() => undefined);
    this.#pieces.on('error', () => undefined);
    this.#pieces.destroy(reason instanceof Error ? reason : new Error(String(reason)));
  }
}
