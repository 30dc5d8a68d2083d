/** A manager's gRPC servers: on its own socket for this host's root, and on the cluster's port for other nodes. */
import { chmod, rm } from 'node:fs/promises';
import { Server, ServerCredentials, type ServerInterceptor } from '@grpc/grpc-js';
import { grpcTarget } from '../proto/address.ts';
import { MAX_MESSAGE_BYTES } from '../proto/client.ts';
import { GantryError } from '../proto/errors.ts';
import type { ManagerService } from './service.ts';

const OPTIONS = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
} as const;

/** Ends running calls after a moment: streams would otherwise hold the process for ever. */
const SHUTDOWN_MS = 500;

export interface ManagerServer {
  close(): Promise<void>;
}

/** Listens on a unix socket that only root may use. Removes a stale one of a manager that was killed. */
export async function serveSocket(
  socketPath: string,
  services: readonly ManagerService[],
  interceptors: readonly ServerInterceptor[] = [],
): Promise<ManagerServer> {
  const server = newServer(services, interceptors);
  await rm(socketPath, { force: true });
  await bindSocket(server, socketPath);
  const closeSocket = async () => {
    await close(server);
    await rm(socketPath, { force: true });
  };
  return { close: closeSocket };
}

/** Listens for other nodes; the services are `guarded`. PORT_IN_USE when somebody else does. */
export async function servePort(
  address: { readonly host: string; readonly port: number },
  credentials: ServerCredentials,
  services: readonly ManagerService[],
  interceptors: readonly ServerInterceptor[] = [],
): Promise<ManagerServer> {
  const server = newServer(services, interceptors);
  const target = grpcTarget({ kind: 'tcp', ...address });
  try {
    await bind(server, target, credentials);
  } catch (cause) {
    server.forceShutdown();
    throw new GantryError('PORT_IN_USE', `cannot listen on ${target} for the cluster's other nodes`, {
      hint: 'stop what holds the port',
      cause,
    });
  }
  return { close: () => close(server) };
}

function newServer(services: readonly ManagerService[], interceptors: readonly ServerInterceptor[]): Server {
  const server = new Server({ ...OPTIONS, interceptors: [...interceptors] });
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  return server;
}

async function bindSocket(server: Server, socketPath: string): Promise<void> {
  // The socket must never be open to others, not even between bind and chmod.
  const umask = process.umask(0o177);
  try {
    await bind(server, `unix:${socketPath}`, ServerCredentials.createInsecure());
  } finally {
    process.umask(umask);
  }
  await chmod(socketPath, 0o600);
}

function bind(server: Server, target: string, credentials: ServerCredentials): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(target, credentials, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    const force = setTimeout(() => server.forceShutdown(), SHUTDOWN_MS);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
}
