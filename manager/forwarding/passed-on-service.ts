/** A gRPC service that another process of this host answers. */
import {
  type Client,
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { passRequestId } from '../../proto/call-log.ts';
import { bidiMethod, clientStreamMethod, serverStreamMethod, unaryMethod } from '../../proto/server.ts';
import type { ForwardedService } from './forwarded-service.ts';
import {
  type AnyMethod,
  asBytes,
  type Destination,
  passBidi,
  passClientStream,
  passServerStream,
  passUnary,
} from './pass-on.ts';

/** A client of the other process, once it answers; rejects when it doesn't. */
export type Gate = () => Promise<Client>;

export function passedOnService(service: Readonly<Record<string, unknown>>, gate: Gate): ForwardedService {
  const definition: Record<string, MethodDefinition<Buffer, Buffer>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const [name, described] of Object.entries(service)) {
    const method = described as AnyMethod;
    definition[name] = asBytes(method);
    if (method.requestStream && method.responseStream) implementation[name] = bidi(method.path, gate);
    else if (method.requestStream) implementation[name] = clientStream(method.path, gate);
    else if (method.responseStream) implementation[name] = serverStream(method.path, gate);
    else implementation[name] = unaryCall(method.path, gate);
  }
  return { definition, implementation };
}

async function destination(call: { readonly metadata: Metadata }, gate: Gate): Promise<Destination> {
  const metadata = new Metadata();
  passRequestId(call.metadata, metadata);
  return { client: await gate(), metadata };
}

function unaryCall(path: string, gate: Gate): handleUnaryCall<Buffer, Buffer> {
  return (call, callback) =>
    unaryMethod<Buffer, Buffer>(async (request, signal) =>
      passUnary(await destination(call, gate), path, request, signal),
    )(call, callback);
}

function clientStream(path: string, gate: Gate): handleClientStreamingCall<Buffer, Buffer> {
  return (call, callback) =>
    clientStreamMethod<Buffer, Buffer>(async (requests, signal) =>
      passClientStream(await destination(call, gate), path, requests, signal),
    )(call, callback);
}

function serverStream(path: string, gate: Gate): handleServerStreamingCall<Buffer, Buffer> {
  return (call) =>
    serverStreamMethod<Buffer, Buffer>(async function* (request, signal) {
      yield* passServerStream(await destination(call, gate), path, request, signal);
    })(call);
}

function bidi(path: string, gate: Gate): handleBidiStreamingCall<Buffer, Buffer> {
  return (call) =>
    bidiMethod<Buffer, Buffer>(async function* (requests, signal) {
      yield* passBidi(await destination(call, gate), path, requests, signal);
    })(call);
}
