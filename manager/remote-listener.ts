/** Keeps the cluster's port open to other nodes, from when this manager has an identity on. */
import type { ServerInterceptor } from '@grpc/grpc-js';
import { listenAddress } from '../proto/address.ts';
import { toGantryError } from '../proto/errors.ts';
import { type NodeIdentity, NodeServerCredentials } from '../proto/tls.ts';
import type { Clock } from './clock.ts';
import type { LiveIdentity } from './identity.ts';
import { type ManagerServer, servePort } from './server.ts';
import { type Guards, guarded, type ManagerService } from './service.ts';

export interface RemoteListenerOptions extends Guards {
  /** IP[:PORT] that other nodes reach this one at. */
  readonly advertiseAddr: string;
  readonly identity: LiveIdentity;
  readonly services: readonly ManagerService[];
  readonly interceptors?: readonly ServerInterceptor[];
  readonly clock: Clock;
}

const RETRY_MS = 5000;

/** Until the signal aborts. Never rejects: a manager whose port is taken goes on with what it can do without. */
export async function listenForNodes(options: RemoteListenerOptions, signal: AbortSignal): Promise<void> {
  const { identity, services } = options;
  const first = await firstIdentity(identity, signal);
  if (first === undefined) return;
  const credentials = new NodeServerCredentials(first);
  const unsubscribe = identity.onChange((renewed) => credentials.reload(renewed));
  const served = services.map((service) => guarded(service, options));
  const server = await serveUntilServed(options, credentials, served, signal);
  await aborted(signal);
  unsubscribe();
  await server?.close();
}

async function serveUntilServed(
  { advertiseAddr, clock, logger, interceptors }: RemoteListenerOptions,
  credentials: NodeServerCredentials,
  services: readonly ManagerService[],
  signal: AbortSignal,
): Promise<ManagerServer | undefined> {
  const address = listenAddress(advertiseAddr);
  while (!signal.aborted) {
    try {
      const server = await servePort(address, credentials, services, interceptors);
      logger.info(address, 'listening for other nodes');
      return server;
    } catch (error) {
      logger.error({ err: toGantryError(error), retryMs: RETRY_MS }, 'cannot listen for other nodes');
      await clock.sleep(RETRY_MS, signal);
    }
  }
  return undefined;
}

function firstIdentity(identity: LiveIdentity, signal: AbortSignal): Promise<NodeIdentity | undefined> {
  if (identity.current !== undefined) return Promise.resolve(identity.current);
  return new Promise((resolve) => {
    const settle = (found: NodeIdentity | undefined) => {
      unsubscribe();
      signal.removeEventListener('abort', giveUp);
      resolve(found);
    };
    const giveUp = () => settle(undefined);
    const unsubscribe = identity.onChange(settle);
    signal.addEventListener('abort', giveUp, { once: true });
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
