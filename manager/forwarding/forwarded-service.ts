/**
 * A gRPC service that every manager answers: the leader by itself, the others by handing each call on to the leader, as
 * bytes, so that managers of different versions take nothing away from a message.
 */
import type {
  Client,
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  MethodDefinition,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { GantryError } from '../../proto/errors.ts';
import { bidiMethod, serverStreamMethod, unaryMethod } from '../../proto/server.ts';
import { type Caller, type CallerOf, forwardedMetadata } from './caller.ts';
import { type AnyMethod, asBytes, type Destination, passBidi, passServerStream, passUnary } from './pass-on.ts';

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
      const answer = passUnary(destination(where, caller, call), method.path, bytes, eitherOf(signal, where));
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
      const to = destination(where, caller, call);
      yield* untilLost(where, passServerStream(to, method.path, bytes, eitherOf(signal, where)));
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
      const to = destination(where, caller, call);
      yield* untilLost(where, passBidi(to, method.path, requests, eitherOf(signal, where)));
    })(call);
  };
}

async function* decoded(method: AnyMethod, requests: AsyncIterable<Buffer>): AsyncGenerator<unknown> {
  for await (const bytes of requests) yield method.requestDeserialize(bytes);
}

type LeaderRoute = Extract<Route, { readonly kind: 'leader' }>;

function destination({ client }: LeaderRoute, caller: Caller, call: { readonly metadata: Metadata }): Destination {
  return { client, metadata: forwardedMetadata(caller, call.metadata) };
}

function eitherOf(signal: AbortSignal, { lost }: LeaderRoute): AbortSignal {
  return AbortSignal.any([signal, lost]);
}

async function* untilLost({ lost }: LeaderRoute, answers: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* answers;
  } catch (error) {
    throw lost.aborted ? leaderLost() : error;
  }
}

function leaderLost(): GantryError {
  return new GantryError('UNAVAILABLE', "the cluster's leader changed before it had answered", {
    hint: 'what was asked for may have been done or not; look, or try again',
  });
}
