/**
 * Server ends of gRPC calls: handlers are plain async functions and async generators that know nothing of
 * gRPC, so that the same handler can also answer through a tunnel. What they throw reaches the client as it is.
 */
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  ServerDuplexStream,
  ServerReadableStream,
  ServerWritableStream,
} from '@grpc/grpc-js';
import { toServiceError } from './errors.ts';

/** `signal` aborts when the client has gone or cancelled. */
export type UnaryHandler<Request, Response> = (request: Request, signal: AbortSignal) => Promise<Response>;
export type ServerStreamHandler<Request, Response> = (request: Request, signal: AbortSignal) => AsyncIterable<Response>;
export type ClientStreamHandler<Request, Response> = (
  requests: AsyncIterable<Request>,
  signal: AbortSignal,
) => Promise<Response>;
export type BidiHandler<Request, Response> = (
  requests: AsyncIterable<Request>,
  signal: AbortSignal,
) => AsyncIterable<Response>;

interface Emitter {
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

function signalOf(call: Emitter): AbortSignal {
  const controller = new AbortController();
  call.on('cancelled', () => controller.abort());
  return controller.signal;
}

export function unaryMethod<Request, Response>(
  handler: UnaryHandler<Request, Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    handler(call.request, signalOf(call)).then(
      (response) => callback(null, response),
      (error: unknown) => callback(toServiceError(error)),
    );
  };
}

export function serverStreamMethod<Request, Response>(
  handler: ServerStreamHandler<Request, Response>,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const signal = signalOf(call);
    void pump(() => handler(call.request, signal), call, signal);
  };
}

export function clientStreamMethod<Request, Response>(
  handler: ClientStreamHandler<Request, Response>,
): handleClientStreamingCall<Request, Response> {
  return (call, callback) => {
    handler(requestsOf(call), signalOf(call)).then(
      (response) => callback(null, response),
      (error: unknown) => callback(toServiceError(error)),
    );
  };
}

export function bidiMethod<Request, Response>(
  handler: BidiHandler<Request, Response>,
): handleBidiStreamingCall<Request, Response> {
  return (call) => {
    const signal = signalOf(call);
    void pump(() => handler(requestsOf(call), signal), call, signal);
  };
}

async function* requestsOf<Request>(
  call: ServerReadableStream<Request, unknown> | ServerDuplexStream<Request, unknown>,
): AsyncGenerator<Request, void, undefined> {
  // Not `for await` on the call itself: leaving that loop early would destroy the call under the responses.
  for await (const message of call.iterator({ destroyOnReturn: false })) yield message as Request;
}

/** `open` may throw before there is anything to iterate; that reaches the client like any other error. */
async function pump<Response>(
  open: () => AsyncIterable<Response>,
  call: ServerWritableStream<unknown, Response> | ServerDuplexStream<unknown, Response>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const response of open()) {
      if (signal.aborted) return;
      if (!call.write(response)) await drained(call, signal);
    }
    call.end();
  } catch (error) {
    if (!signal.aborted) call.emit('error', toServiceError(error));
  }
}

function drained(call: Emitter, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      call.off('drain', settle);
      call.off('close', settle);
      signal.removeEventListener('abort', settle);
      resolve();
    };
    call.on('drain', settle);
    call.on('close', settle);
    signal.addEventListener('abort', settle, { once: true });
  });
}
