/** What a client sends after the first request of a stream, on its way to a process. */
import { GantryError } from '../../proto/errors.ts';
import type { ContainerStreamRequest } from '../../proto/generated/gantry/v1/engine.ts';
import { parseSignal } from './signals.ts';

/** A process that a client controls: a container's own, or one of exec. */
export interface StreamTarget {
  /** Resolves when the data has been taken. */
  writeStdin(data: Uint8Array): Promise<void>;
  closeStdin(): void;
  resize(rows: number, columns: number): void;
  signal(signal: number): void;
  /** What it means for its input when the client is gone without a word: of a terminal, it may only have detached. */
  readonly atClientsEnd: 'close' | 'keep';
}

/** So much input may be under way before the next request is read: a signal shouldn't wait behind a process that doesn't read. */
const PENDING_BYTES = 1024 * 1024;

/** Resolves when the client sends no more; input that wasn't announced is refused. */
export async function pumpInput(
  requests: AsyncIterator<ContainerStreamRequest>,
  target: StreamTarget,
  acceptsStdin: boolean,
): Promise<void> {
  const input = new InputWriter(target);
  for (let next = await requests.next(); next.done !== true; next = await requests.next()) {
    const { message } = next.value;
    switch (message?.$case) {
      case 'stdin':
        if (!acceptsStdin) throw new GantryError('INVALID_ARGUMENT', 'standard input was sent to a stream without it');
        await input.write(message.value);
        break;
      case 'stdinEnd':
        input.end();
        break;
      case 'resize':
        target.resize(message.value.rows, message.value.columns);
        break;
      case 'signal':
        target.signal(parseSignal(message.value));
        break;
      default:
        throw new GantryError('INVALID_ARGUMENT', `unexpected "${message?.$case ?? 'empty'}" request in a stream`);
    }
  }
  if (target.atClientsEnd === 'close') input.end();
}

/** Writes in order, and lets its caller go on while little is pending. */
class InputWriter {
  readonly #target: StreamTarget;
  #last: Promise<void> = Promise.resolve();
  #pendingBytes = 0;
  #ended: boolean = false;

  constructor(target: StreamTarget) {
    this.#target = target;
  }

  async write(data: Uint8Array): Promise<void> {
    this.#pendingBytes += data.length;
    this.#last = this.#last.then(async () => {
      await this.#target.writeStdin(data);
      this.#pendingBytes -= data.length;
    });
    // Awaited below or by the next write; until then a failure has no other handler.
    this.#last.catch(() => undefined);
    if (this.#pendingBytes > PENDING_BYTES) await this.#last;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const close = () => this.#target.closeStdin();
    // A process that takes no more input needs no end of it either.
    this.#last.then(close, close);
  }
}
