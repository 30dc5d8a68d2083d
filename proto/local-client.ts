/** Channels between gantryd and the manager of its host, each of which may be restarted while the other goes on. */
import { Client, credentials } from '@grpc/grpc-js';
import { MAX_MESSAGE_BYTES } from './client.ts';

/** To a unix socket; comes back quickly after the other end was restarted. The caller closes it. */
export function connectLocally(socketPath: string): Client {
  return new Client(`unix:${socketPath}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.default_authority': 'gantry',
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.min_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 500,
  });
}

/** Where a manager finds the engine of its host: gantryd listens there for it, wherever else it does. */
export const ENGINE_SOCKET = 'engine.sock';
