/** The node's channel to its manager's socket. */
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { MAX_MESSAGE_BYTES } from '../../proto/client.ts';
import { GantryError } from '../../proto/errors.ts';

/** A manager starts in well under this; whoever calls meanwhile waits. */
const READY_TIMEOUT_MS = 5000;

export function managerSocket(execRoot: string): string {
  return join(execRoot, 'manager.sock');
}

/** A channel that comes back quickly after the manager was restarted; the caller closes it. */
export function connectManager(execRoot: string): Client {
  return new Client(`unix:${managerSocket(execRoot)}`, credentials.createInsecure(), {
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

/** Resolves once the manager's socket answers. UNAVAILABLE when it doesn't in time. */
export function whenReady(client: Client, nowMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    client.waitForReady(nowMs + READY_TIMEOUT_MS, (error) => {
      if (error === undefined) resolve();
      else reject(managerUnavailable(error));
    });
  });
}

function managerUnavailable(cause: Error): GantryError {
  return new GantryError('UNAVAILABLE', "this node's manager does not answer", {
    hint: 'it may still be starting: try again in a few seconds, and look into the log of gantryd if it stays so',
    cause,
  });
}
