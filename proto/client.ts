/** Client ends of gRPC calls: a channel to an address, and calls as promises and async iterables. */
import {
  type ChannelCredentials,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  credentials,
  type ServiceError,
} from '@grpc/grpc-js';
import { type Address, grpcTarget } from './address.ts';
import { fromServiceError } from './errors.ts';

/** Messages of up to 64 MiB: a whole stack with its configs, or a page of build context. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  // A local socket has no proxy; a proxy between nodes would break mutual TLS.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.default_authority': 'gantry',
  // Else the IP address would be sent as the server's name, which RFC 6066 forbids.
  'grpc.ssl_target_name_override': 'gantry',
} as const;

/** A peer whose host is off answers nothing, and the kernel waits for it for minutes. */
const REMOTE_OPTIONS = { 'grpc.keepalive_time_ms': 5000, 'grpc.keepalive_timeout_ms': 5000 } as const;

export type ClientConstructor<C> = new (target: string, creds: ChannelCredentials, options: object) => C;

/** A client of one service at an address; the caller closes it. Credentials for TCP are made by tls.ts. */
export function connectClient<C>(
  Client: ClientConstructor<C>,
  address: Address,
  creds: ChannelCredentials = credentials.createInsecure(),
): C {
  const remote = address.kind === 'tcp' ? REMOTE_OPTIONS : {};
  return new Client(grpcTarget(address), creds, { ...CHANNEL_OPTIONS, ...remote });
}

/** One request, one answer. Rejects with a GantryError. */
export function unary<Response>(
  start: (done: (error: ServiceError | null, response: Response) => void) => ClientUnaryCall,
  signal?: AbortSignal,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const call = start((error, response) => {
      signal?.removeEventListener('abort', cancel);
      if (error === null) resolve(response);
      else reject(fromServiceError(error));
    });
    const cancel = () => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

/** The answers of a streaming call; leaving the loop early cancels the call. Throws GantryErrors. */
export async function* responses<Response>(
  call: ClientReadableStream<Response> | ClientDuplexStream<never, Response>,
): AsyncGenerator<Response, void, undefined> {
  let finished = false;
  try {
    for await (const message of call) yield message as Response;
    finished = true;
  } catch (error) {
    finished = true;
    throw fromServiceError(error);
  } finally {
    if (!finished) {
      // Cancelling makes the call emit an error that nobody waits for any more.
      call.on('error', () => undefined);
      call.cancel();
    }
  }
}

/** Writes one request, waiting while the peer is behind. Resolves false when the call has ended. */
export function send<Request>(
  call: ClientDuplexStream<Request, never> | ClientWritableStream<Request>,
  request: Request,
): Promise<boolean> {
  if (call.destroyed || call.writableEnded) return Promise.resolve(false);
  if (call.write(request)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const settle = (open: boolean) => {
      call.off('drain', onDrain);
      call.off('close', onClose);
      call.off('error', onClose);
      call.off('status', onClose);
      resolve(open);
    };
    const onDrain = () => settle(true);
    const onClose = () => settle(false);
    call.on('drain', onDrain);
    call.on('close', onClose);
    call.on('error', onClose);
    // A call that only sends has nothing else to say of its end.
    call.on('status', onClose);
  });
}
