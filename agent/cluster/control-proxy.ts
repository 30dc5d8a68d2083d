/** The manager's services on this node's socket: every call goes to the manager and back as bytes, unread. */
import {
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type Metadata,
  type MethodDefinition,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type StatusObject,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { GantryError, toServiceError } from '../../proto/errors.ts';
import { ControlService } from '../../proto/generated/gantry/v1/control.ts';
import { LocalManagerService } from '../../proto/generated/gantry/v1/manager.ts';
import type { MountedService } from '../engine/cluster-service.ts';

/** A client of the manager that answers; rejects when there is none (yet). */
export type ManagerGate = () => Promise<Client>;

type ByteMethod = MethodDefinition<Buffer, Buffer>;

export function controlProxy(gate: ManagerGate): MountedService {
  return proxyOf(ControlService, gate);
}

/** What concerns the manager of this node alone. */
export function managerProxy(gate: ManagerGate): MountedService {
  return proxyOf(LocalManagerService, gate);
}

/** Of a service in which answers stream, or both ways do. */
function proxyOf(service: ServiceDefinition, gate: ManagerGate): MountedService {
  const definition: Record<string, ByteMethod> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const [name, { path, requestStream, responseStream }] of Object.entries(service)) {
    definition[name] = {
      path,
      requestStream,
      responseStream,
      requestSerialize: unread,
      requestDeserialize: unread,
      responseSerialize: unread,
      responseDeserialize: unread,
    };
    if (requestStream) implementation[name] = forwardBidi(path, gate);
    else implementation[name] = responseStream ? forwardStream(path, gate) : forwardUnary(path, gate);
  }
  return { definition: definition as ServiceDefinition, implementation };
}

function unread(bytes: Buffer): Buffer {
  return bytes;
}

function forwardUnary(path: string, gate: ManagerGate) {
  return (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void => {
    gate().then(
      (client) => passUnary(client, path, call, callback),
      (error: unknown) => callback(toServiceError(error)),
    );
  };
}

function passUnary(
  client: Client,
  path: string,
  call: ServerUnaryCall<Buffer, Buffer>,
  callback: sendUnaryData<Buffer>,
): void {
  let response: Buffer | undefined;
  const upstream = client.makeUnaryRequest(
    path,
    unread,
    unread,
    call.request,
    call.metadata,
    deadlineOf(call),
    (_e, value) => {
      response = value;
    },
  );
  upstream.on('metadata', (metadata: Metadata) => call.sendMetadata(metadata));
  // After the callback: the only place that also has the trailers of a success.
  upstream.on('status', (end: StatusObject) => {
    if (end.code === status.OK) callback(null, response, end.metadata);
    else callback(explained(call, end));
  });
  cancelWith(call, upstream);
}

function forwardStream(path: string, gate: ManagerGate) {
  return (call: ServerWritableStream<Buffer, Buffer>): void => {
    gate().then(
      (client) => passStream(client, path, call),
      (error: unknown) => call.emit('error', toServiceError(error)),
    );
  };
}

function passStream(client: Client, path: string, call: ServerWritableStream<Buffer, Buffer>): void {
  passAnswers(
    client.makeServerStreamRequest(path, unread, unread, call.request, call.metadata, deadlineOf(call)),
    call,
  );
}

function forwardBidi(path: string, gate: ManagerGate) {
  return (call: ServerDuplexStream<Buffer, Buffer>): void => {
    gate().then(
      (client) => passBidi(client, path, call),
      (error: unknown) => call.emit('error', toServiceError(error)),
    );
  };
}

function passBidi(client: Client, path: string, call: ServerDuplexStream<Buffer, Buffer>): void {
  const upstream = client.makeBidiStreamRequest<Buffer, Buffer>(path, unread, unread, call.metadata, deadlineOf(call));
  passRequests(call, upstream);
  passAnswers(upstream, call);
}

/** No faster than the other end takes them. */
function passRequests(call: ServerDuplexStream<Buffer, Buffer>, upstream: ClientDuplexStream<Buffer, Buffer>): void {
  let over = false;
  upstream.on('status', () => {
    over = true;
    call.resume();
  });
  call.on('data', (bytes: Buffer) => {
    // What comes after the answer is of no interest, but has to be read.
    if (over || upstream.write(bytes)) return;
    call.pause();
    upstream.once('drain', () => call.resume());
  });
  call.on('end', () => upstream.end());
}

type AnsweredCall = ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

function passAnswers(upstream: ClientReadableStream<Buffer>, call: AnsweredCall): void {
  let end: StatusObject | undefined;
  upstream.on('metadata', (metadata: Metadata) => call.sendMetadata(metadata));
  upstream.on('data', (bytes: Buffer) => {
    if (call.write(bytes)) return;
    upstream.pause();
    call.once('drain', () => upstream.resume());
  });
  // Said by 'status' too; without a listener it would end the process.
  upstream.on('error', () => undefined);
  // The status comes as soon as it is known, 'end' only after the last message: so the messages aren't cut off.
  upstream.on('status', (received: StatusObject) => {
    end = received;
  });
  upstream.on('end', () => {
    if (end === undefined || end.code === status.OK) call.end(end?.metadata);
    else call.emit('error', explained(call, end));
  });
  cancelWith(call, upstream);
}

/** A manager that ends cancels what it hasn't answered. */
function explained(call: { readonly cancelled: boolean }, end: StatusObject) {
  if (end.code !== status.CANCELLED || call.cancelled) return end;
  return toServiceError(
    new GantryError('UNAVAILABLE', "this node's manager ended before it had answered", {
      hint: 'what was asked for may have been done or not; look, or try again',
    }),
  );
}

function deadlineOf(call: { getDeadline(): Date | number }): { deadline: Date | number } {
  return { deadline: call.getDeadline() };
}

function cancelWith(
  call: { cancelled: boolean; on(event: 'cancelled', listener: () => void): unknown },
  upstream: { cancel(): void },
): void {
  call.on('cancelled', () => upstream.cancel());
  // The client may have gone while the manager was waited for.
  if (call.cancelled) upstream.cancel();
}
