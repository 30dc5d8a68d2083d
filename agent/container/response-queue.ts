/** Answers on their way to a client: pushed by processes, pulled by gRPC. */
import type { ContainerStreamResponse } from '../../proto/generated/gantry/v1/engine.ts';

type Message = NonNullable<ContainerStreamResponse['message']>;

/** From here on producers wait. */
const HIGH_WATER_BYTES = 1024 * 1024;
export class ResponseQueue implements AsyncIterable<ContainerStreamResponse> {
  readonly #messages: Message[] = [];
  #bytes = 0;
  #end: { readonly error: unknown } | 'done' | undefined;
  #wakeReader: (() => void) | undefined;
  #room = Promise.withResolvers<void>();

  /** Resolves when there is room for more. What comes after the end is dropped. */
  push(message: Message): Promise<void> {
    if (this.#end !== undefined) return Promise.resolve();
    this.#messages.push(message);
    this.#bytes += sizeOf(message);
    this.#wakeReader?.();
    return this.#bytes > HIGH_WATER_BYTES ? this.#room.promise : Promise.resolve();
  }

  end(): void {
    this.#close('done');
  }

  /** What was pushed before still arrives. */
  fail(error: unknown): void {
    this.#close({ error });
  }

  #close(end: { readonly error: unknown } | 'done'): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#wakeReader?.();
    this.#room.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ContainerStreamResponse, void, undefined> {
    try {
      for (;;) {
        const message = this.#messages.shift();
        if (message !== undefined) {
          this.#taken(message);
          yield { message };
        } else if (this.#end === undefined) {
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve;
          });
        } else {
          if (this.#end !== 'done') throw this.#end.error;
          return;
        }
      }
    } finally {
      // The reader is gone: nobody waits for room any more.
      this.end();
    }
  }

  #taken(message: Message): void {
    this.#bytes -= sizeOf(message);
    if (this.#bytes > HIGH_WATER_BYTES) return;
    this.#room.resolve();
    if (this.#end === undefined) this.#room = Promise.withResolvers();
  }
}

function sizeOf(message: Message): number {
  return message.$case === 'stdout' || message.$case === 'stderr' ? message.value.length : 0;
}
