/**
 * A gRPC service that every manager answers: the leader by itself, the others by handing each call on to the leader, as
 * bytes, so that managers of different versions take nothing away from a message.
 */
import type {
  Client,
  ClientDuplexStream,
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  MethodDefinition,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { responses, send, unary } from '../../proto/client.ts';
import { GantryError } from '../../proto/errors.ts';
import { bidiMethod, serverStreamMethod, unaryMethod } from '../../proto/server.ts';
import { type Caller, type CallerOf, forwardedMetadata } from './caller.ts';

/** Where a call is to be answered. */
export type Route =
  | { readonly kind: 'here' }
  /** `lost` aborts when that leader doesn't lead any more: it may never answer. */
  | { readonly kind: 'leader'; readonly client: Client; readonly lost: AbortSignal };

/**
 * Waits for there to be a leader; rejects with UNAVAILABLE when there is none in time. A call that another manager has
 * forwarded, thinking that this one leads, goes back instead of around if it doesn't.
 */
export type Router = (caller: Caller, signal: AbortSignal) => Promise<Route>;

/** How this manager answers when it leads; by lower-camel method name, in the kinds of proto/server.ts. */
export type LocalHandlers = Readonly<Record<string, LocalHandler>>;
// Each method has types of its own, which meet here only as bytes.
export type LocalHandler = (request: never, signal: AbortSignal, caller: Caller) => unknown;

type AnyMethod = MethodDefinition<unknown, unknown>;

export interface ForwardedService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export function forwardedService(
  service: Readonly<Record<string, unknown>>,
  handlers: LocalHandlers,
  route: Router,
  callerOf: CallerOf,
): ForwardedService {
  const definition: Record<string, MethodDefinition<Buffer, Buffer>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const [name, described] of Object.entries(service)) {
    const method = described as AnyMethod;
    const handler = handlers[name];
    if (handler === undefined) throw new Error(`nobody answers ${method.path}`);
    definition[name] = asBytes(method);
    if (method.requestStream) implementation[name] = bidi(method, handler, route, callerOf);
    else if (method.responseStream) implementation[name] = serverStream(method, handler, route, callerOf);
    else implementation[name] = unaryCall(method, handler, route, callerOf);
  }
  return { definition: definition as ServiceDefinition, implementation };
}

function unaryCall(
  method: AnyMethod,
  handler: LocalHandler,
  route: Router,
  callerOf: CallerOf,
): handleUnaryCall<Buffer, Buffer> {
  return (call, callback) => {
    const caller = callerOf(call);
    unaryMethod<Buffer, Buffer>(async (bytes, signal) => {
      const where = await route(caller, signal);
      if (where.kind === 'here') {
        return method.responseSerialize(await handler(method.requestDeserialize(bytes) as never, signal, caller));
      }
      const metadata = forwardedMetadata(caller, call.metadata);
      const answer = unary<Buffer>(
        (done) =>
          where.client.makeUnaryRequest<Buffer, Buffer>(method.path, asIs, asIs, bytes, metadata, (error, response) =>
            done(error, response as Buffer),
          ),
        AbortSignal.any([signal, where.lost]),
      );
      return answer.catch((error: unknown) => {
        throw where.lost.aborted ? leaderLost() : error;
      });
    })(call, callback);
  };
}

function serverStream(
  method: AnyMethod,
  handler: LocalHandler,
  route: Router,
  callerOf: CallerOf,
): handleServerStreamingCall<Buffer, Buffer> {
  return (call) => {
    const caller = callerOf(call);
    serverStreamMethod<Buffer, Buffer>(async function* (bytes, signal) {
      const where = await route(caller, signal);
      if (where.kind === 'here') {
        const answers = handler(method.requestDeserialize(bytes) as never, signal, caller) as AsyncIterable<unknown>;
        for await (const answer of answers) yield method.responseSerialize(answer);
        return;
      }
      const upstream = where.client.makeServerStreamRequest<Buffer, Buffer>(
        method.path,
        asIs,
        asIs,
        bytes,
        forwardedMetadata(caller, call.metadata),
      );
      yield* untilLost(where.lost, signal, upstream, responses(upstream));
    })(call);
  };
}

function bidi(
  method: AnyMethod,
  handler: LocalHandler,
  route: Router,
  callerOf: CallerOf,
): handleBidiStreamingCall<Buffer, Buffer> {
  return (call) => {
    const caller = callerOf(call);
    bidiMethod<Buffer, Buffer>(async function* (requests, signal) {
      const where = await route(caller, signal);
      if (where.kind === 'here') {
        const answers = handler(decoded(method, requests) as never, signal, caller) as AsyncIterable<unknown>;
        for await (const answer of answers) yield method.responseSerialize(answer);
        return;
      }
      const upstream = where.client.makeBidiStreamRequest<Buffer, Buffer>(
        method.path,
        asIs,
        asIs,
        forwardedMetadata(caller, call.metadata),
      );
      // Ends by itself with the call, which is over when the leader has answered: nobody waits for more requests then.
      void sendAll(upstream, requests);
      const answers = responses(upstream as unknown as ClientDuplexStream<never, Buffer>);
      yield* untilLost(where.lost, signal, upstream, answers);
    })(call);
  };
}

async function* decoded(method: AnyMethod, requests: AsyncIterable<Buffer>): AsyncGenerator<unknown> {
  for await (const bytes of requests) yield method.requestDeserialize(bytes);
}

async function sendAll(call: ClientDuplexStream<Buffer, Buffer>, requests: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const bytes of requests) {
      if (!(await send(call as unknown as ClientDuplexStream<Buffer, never>, bytes))) return;
    }
    call.end();
  } catch {
    // The caller's stream broke: so does the one to the leader.
    call.cancel();
  }
}

async function* untilLost(
  lost: AbortSignal,
  signal: AbortSignal,
  call: { cancel(): void },
  answers: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const either = AbortSignal.any([signal, lost]);
  const cancel = () => call.cancel();
  either.addEventListener('abort', cancel, { once: true });
  try {
    yield* answers;
  } catch (error) {
    throw lost.aborted ? leaderLost() : error;
  } finally {
    either.removeEventListener('abort', cancel);
  }
}

function leaderLost(): GantryError {
  return new GantryError('UNAVAILABLE', "the cluster's leader changed before it had answered", {
    hint: 'what was asked for may have been done or not; look, or try again',
  });
}

function asBytes({ path, requestStream, responseStream }: AnyMethod): MethodDefinition<Buffer, Buffer> {
  const codec = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  return { path, requestStream, responseStream, ...codec };
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
