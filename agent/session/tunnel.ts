/**
 * Streams that users open through a manager: the agent dials the tunnel, and one method of its engine answers
 * through it. Nothing but what the table names can be called from afar.
 */
import { PassThrough } from 'node:stream';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { send } from '../../proto/client.ts';
import { encodeErrorDetail, GantryError, toGantryError, toServiceError } from '../../proto/errors.ts';
import type { OpenStream, TunnelFrame } from '../../proto/generated/gantry/v1/dispatcher.ts';
import { EngineService } from '../../proto/generated/gantry/v1/engine.ts';
import type { EngineHandlers } from '../engine/api.ts';

type TunnelCall = ClientDuplexStream<TunnelFrame, TunnelFrame>;
/** Bytes of requests in, bytes of responses out. */
type TunnelMethod = (requests: AsyncIterable<Buffer>, signal: AbortSignal) => AsyncIterable<Buffer>;
export type TunnelMethods = ReadonlyMap<string, TunnelMethod>;

interface Codec<Request, Response> {
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseSerialize: (response: Response) => Buffer;
}

/** The engine's methods that a manager may call, by name as in OpenStream. */
export function tunnelMethods(handlers: EngineHandlers): TunnelMethods {
  return new Map<string, TunnelMethod>([
    ['ContainerLogs', serverStream(EngineService.containerLogs, handlers.containerLogs)],
    ['ContainerExec', bidi(EngineService.containerExec, handlers.containerExec)],
    ['ContainerAttach', bidi(EngineService.containerAttach, handlers.containerAttach)],
    ['ContainerInspect', unary(EngineService.containerInspect, handlers.containerInspect)],
    ['ContainerList', unary(EngineService.containerList, handlers.containerList)],
    ['ContainerPause', unary(EngineService.containerPause, handlers.containerPause)],
    ['ContainerUnpause', unary(EngineService.containerUnpause, handlers.containerUnpause)],
    ['ContainerTop', unary(EngineService.containerTop, handlers.containerTop)],
    ['ContainerStats', unary(EngineService.containerStats, handlers.containerStats)],
    ['ContainerKill', unary(EngineService.containerKill, handlers.containerKill)],
    ['ContainerExport', serverStream(EngineService.containerExport, handlers.containerExport)],
    ['ContainerPathStat', unary(EngineService.containerPathStat, handlers.containerPathStat)],
    ['ContainerCopyFrom', serverStream(EngineService.containerCopyFrom, handlers.containerCopyFrom)],
    ['ContainerCopyTo', clientStream(EngineService.containerCopyTo, handlers.containerCopyTo)],
    ['ContainerCommit', unary(EngineService.containerCommit, handlers.containerCommit)],
    ['BuildKnown', unary(EngineService.buildKnown, handlers.buildKnown)],
    ['ImageInspect', unary(EngineService.imageInspect, handlers.imageInspect)],
    ['LocalNetworkInspect', unary(EngineService.localNetworkInspect, handlers.localNetworkInspect)],
    ['NetworkCheck', bidi(EngineService.networkCheck, handlers.networkCheck)],
    ['NetworkProbe', unary(EngineService.networkProbe, handlers.networkProbe)],
    ['PortProbe', unary(EngineService.portProbe, handlers.portProbe)],
    ['VolumeList', unary(EngineService.volumeList, handlers.volumeList)],
    ['VolumeRemove', unary(EngineService.volumeRemove, handlers.volumeRemove)],
    ['SourceProbe', unary(EngineService.sourceProbe, handlers.sourceProbe)],
  ]);
}

/**
 * Answers one OpenStream; `call` is the tunnel just dialled. Resolves when the stream has ended, however it did: the
 * handler's error goes to the manager, and a tunnel that breaks or is closed from the other end cancels the handler.
 */
export async function serveTunnel(call: TunnelCall, open: OpenStream, methods: TunnelMethods): Promise<void> {
  const cancelled = new AbortController();
  const gone = new Promise<false>((resolve) => {
    cancelled.signal.addEventListener('abort', () => resolve(false), { once: true });
  });
  // Not only `send`: a call that the other end has closed may neither drain nor fail any more.
  const write = (frame: TunnelFrame['frame']) => Promise.race([sendFrame(call, frame), gone]);
  const requests = new PassThrough({ objectMode: true, highWaterMark: 1 });
  // Also without a reader, as while the handler is behind: an error that nobody listens for would end the process.
  call.on('error', () => cancelled.abort());
  const reading = readRequests(call, requests, cancelled);
  try {
    await write({ $case: 'streamId', value: open.streamId });
    const method = methods.get(open.method);
    if (method === undefined) throw new GantryError('PERMISSION_DENIED', `no ${open.method} through a manager`);
    for await (const data of method(requests, cancelled.signal)) {
      if (!(await write({ $case: 'data', value: data }))) break;
    }
    await write({ $case: 'end', value: true });
  } catch (error) {
    await write({ $case: 'error', value: tunnelError(error) });
  } finally {
    requests.destroy();
    call.end();
    await reading;
  }
}

/**
 * Feeds the handler no faster than it reads, and reads on after the last request: only who reads learns that the
 * other end has gone.
 */
async function readRequests(call: TunnelCall, requests: PassThrough, cancelled: AbortController): Promise<void> {
  try {
    for await (const { frame } of call.iterator({ destroyOnReturn: false }) as AsyncIterable<TunnelFrame>) {
      if (frame?.$case === 'end') requests.end();
      if (frame?.$case === 'data' && requests.writable && !requests.write(Buffer.from(frame.value))) {
        await drained(requests);
      }
    }
  } catch {
    // The tunnel broke: the same as its being closed, for the handler; the manager knows why.
  } finally {
    requests.end();
    cancelled.abort();
  }
}

function drained(requests: PassThrough): Promise<void> {
  return new Promise((resolve) => {
    requests.once('drain', resolve);
    requests.once('close', resolve);
  });
}

function sendFrame(call: TunnelCall, frame: TunnelFrame['frame']): Promise<boolean> {
  return send(call as unknown as ClientDuplexStream<TunnelFrame, never>, { frame });
}

function tunnelError(thrown: unknown) {
  const error = toGantryError(thrown);
  return { grpcStatus: toServiceError(error).code, message: error.message, detail: encodeErrorDetail(error) };
}

function unary<Request, Response>(
  codec: Codec<Request, Response>,
  handler: (request: Request, signal: AbortSignal) => Promise<Response>,
): TunnelMethod {
  return async function* (requests, signal) {
    yield codec.responseSerialize(await handler(codec.requestDeserialize(await first(requests)), signal));
  };
}

function serverStream<Request, Response>(
  codec: Codec<Request, Response>,
  handler: (request: Request, signal: AbortSignal) => AsyncIterable<Response>,
): TunnelMethod {
  return async function* (requests, signal) {
    const request = codec.requestDeserialize(await first(requests));
    for await (const response of handler(request, signal)) yield codec.responseSerialize(response);
  };
}

function clientStream<Request, Response>(
  codec: Codec<Request, Response>,
  handler: (requests: AsyncIterable<Request>, signal: AbortSignal) => Promise<Response>,
): TunnelMethod {
  return async function* (requests, signal) {
    yield codec.responseSerialize(await handler(decoded(requests, codec), signal));
  };
}

function bidi<Request, Response>(
  codec: Codec<Request, Response>,
  handler: (requests: AsyncIterable<Request>, signal: AbortSignal) => AsyncIterable<Response>,
): TunnelMethod {
  return async function* (requests, signal) {
    for await (const response of handler(decoded(requests, codec), signal)) yield codec.responseSerialize(response);
  };
}

async function* decoded<Request>(
  requests: AsyncIterable<Buffer>,
  { requestDeserialize }: Pick<Codec<Request, unknown>, 'requestDeserialize'>,
): AsyncGenerator<Request, void, undefined> {
  for await (const bytes of requests) yield requestDeserialize(bytes);
}

async function first(requests: AsyncIterable<Buffer>): Promise<Buffer> {
  for await (const request of requests) return request;
  throw new GantryError('CANCELLED', 'the stream ended before its request came');
}
