/** One call made on another's behalf: bytes in, bytes out, so that nothing is lost of what only one end knows. */
import type { Client, ClientDuplexStream, Metadata, MethodDefinition } from '@grpc/grpc-js';
import { responses, send, unary } from '../../proto/client.ts';
import { fromServiceError } from '../../proto/errors.ts';

export type AnyMethod = MethodDefinition<unknown, unknown>;

export interface Destination {
  readonly client: Client;
  /** Of the call that is made. */
  readonly metadata: Metadata;
}

/** The method as a server takes it that passes it on. */
export function asBytes({ path, requestStream, responseStream }: AnyMethod): MethodDefinition<Buffer, Buffer> {
  const codec = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  return { path, requestStream, responseStream, ...codec };
}

// Each ends with the signal, and throws what the other end threw.

export function passUnary(
  { client, metadata }: Destination,
  path: string,
  request: Buffer,
  signal: AbortSignal,
): Promise<Buffer> {
  return unary<Buffer>(
    (done) =>
      client.makeUnaryRequest<Buffer, Buffer>(path, asIs, asIs, request, metadata, (error, response) =>
        done(error, response as Buffer),
      ),
    signal,
  );
}

export function passServerStream(
  { client, metadata }: Destination,
  path: string,
  request: Buffer,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const upstream = client.makeServerStreamRequest<Buffer, Buffer>(path, asIs, asIs, request, metadata);
  return untilAborted(signal, upstream, responses(upstream));
}

export function passBidi(
  { client, metadata }: Destination,
  path: string,
  requests: AsyncIterable<Buffer>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const upstream = client.makeBidiStreamRequest<Buffer, Buffer>(path, asIs, asIs, metadata);
  // Ends by itself with the call, which is over when the other end has answered: nobody waits for more requests then.
  void sendAll(upstream as unknown as Sending, requests);
  return untilAborted(signal, upstream, responses(upstream as unknown as ClientDuplexStream<never, Buffer>));
}

export async function passClientStream(
  { client, metadata }: Destination,
  path: string,
  requests: AsyncIterable<Buffer>,
  signal: AbortSignal,
): Promise<Buffer> {
  const answer = Promise.withResolvers<Buffer>();
  const upstream = client.makeClientStreamRequest<Buffer, Buffer>(path, asIs, asIs, metadata, (error, response) => {
    if (error === null) answer.resolve(response as Buffer);
    else answer.reject(fromServiceError(error));
  });
  const cancel = () => upstream.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  void sendAll(upstream as unknown as Sending, requests);
  try {
    return await answer.promise;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

type Sending = ClientDuplexStream<Buffer, never>;

async function sendAll(call: Sending, requests: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const bytes of requests) {
      if (!(await send(call, bytes))) return;
    }
    call.end();
  } catch {
    // The caller's stream broke: so does the one to the other end.
    call.cancel();
  }
}

async function* untilAborted(
  signal: AbortSignal,
  call: { cancel(): void },
  answers: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const cancel = () => call.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    yield* answers;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
