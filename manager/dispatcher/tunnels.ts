/** Byte streams that users open, from a manager to the engine of a node: the manager's end. */
import { decodeErrorDetail, GantryError } from '../../proto/errors.ts';
import type { OpenStream, TunnelError, TunnelFrame } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { newObjectId, type RandomBytes } from '../../proto/ids.ts';

/** An agent that has a session answers at once. */
const DIAL_TIMEOUT_MS = 10_000;

interface Waiting {
  readonly nodeId: string;
  readonly requests: AsyncIterable<Uint8Array>;
  accept(frames: AsyncIterator<TunnelFrame>): void;
  /** Aborts when the user's end is done. */
  readonly signal: AbortSignal;
}

export class Tunnels {
  readonly #random: RandomBytes;
  readonly #waiting = new Map<string, Waiting>();

  constructor(random: RandomBytes) {
    this.#random = random;
  }

  /**
   * Calls a method of an engine. `send` hands the request to the node's session. Throws what the engine threw,
   * or UNAVAILABLE when the node doesn't answer.
   */
  async *open(
    nodeId: string,
    method: string,
    requests: AsyncIterable<Uint8Array>,
    send: (open: OpenStream) => void,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const streamId = newObjectId(this.#random);
    const over = new AbortController();
    const ended = AbortSignal.any([signal, over.signal]);
    const accepted = Promise.withResolvers<AsyncIterator<TunnelFrame>>();
    this.#waiting.set(streamId, { nodeId, requests, accept: accepted.resolve, signal: ended });
    const fail = () =>
      accepted.reject(new GantryError('UNAVAILABLE', `node ${nodeId} did not answer a call of ${method}`));
    const timeout = setTimeout(fail, DIAL_TIMEOUT_MS);
    signal.addEventListener('abort', fail, { once: true });
    try {
      send({ streamId, method });
      const frames = await accepted.promise;
      clearTimeout(timeout);
      yield* responsesIn(frames, nodeId);
    } finally {
      clearTimeout(timeout);
      signal.removeEventListener('abort', fail);
      this.#waiting.delete(streamId);
      over.abort();
    }
  }

  /** The Tunnel call that an agent makes for an OpenStream; `speaksFor`: whether the caller is the agent of a node. */
  async *serve(
    frames: AsyncIterable<TunnelFrame>,
    callSignal: AbortSignal,
    speaksFor: (nodeId: string) => boolean,
  ): AsyncGenerator<TunnelFrame, void, undefined> {
    const iterator = frames[Symbol.asyncIterator]();
    const first = await iterator.next();
    const frame = first.done === true ? undefined : first.value.frame;
    const waiting = frame?.$case === 'streamId' ? this.#waiting.get(frame.value) : undefined;
    if (waiting === undefined || !speaksFor(waiting.nodeId))
      throw new GantryError('NOT_FOUND', 'tunnel: nobody waits for this stream');
    waiting.accept(iterator);
    for await (const data of waiting.requests) {
      if (waiting.signal.aborted) return;
      yield { frame: { $case: 'data', value: Buffer.from(data) } };
    }
    yield { frame: { $case: 'end', value: true } };
    await aborted(AbortSignal.any([waiting.signal, callSignal]));
  }
}

async function* responsesIn(frames: AsyncIterator<TunnelFrame>, nodeId: string): AsyncGenerator<Uint8Array> {
  for (let next = await frames.next(); next.done !== true; next = await frames.next()) {
    const { frame } = next.value;
    if (frame?.$case === 'data') yield frame.value;
    else if (frame?.$case === 'end') return;
    else if (frame?.$case === 'error') throw thrownBy(frame.value);
  }
  throw new GantryError('UNAVAILABLE', `node ${nodeId} broke off a call`);
}

function thrownBy(error: TunnelError): GantryError {
  return decodeErrorDetail(error.detail) ?? new GantryError('INTERNAL', error.message);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
