/** The node's channel to its manager's socket. */
import { join } from 'node:path';
import type { Client } from '@grpc/grpc-js';
import { GantryError } from '../../proto/errors.ts';
import { connectLocally } from '../../proto/local-client.ts';

/** A manager starts in well under this; whoever calls meanwhile waits. */
const READY_TIMEOUT_MS = 5000;

export function managerSocket(execRoot: string): string {
  return join(execRoot, 'manager.sock');
}

/** A channel that comes back quickly after the manager was restarted; the caller closes it. */
export function connectManager(execRoot: string): Client {
  return connectLocally(managerSocket(execRoot));
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
