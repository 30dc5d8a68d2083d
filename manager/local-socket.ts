/** The unix socket that a manager serves its own host on. */
import { chmod, rm } from 'node:fs/promises';
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { MAX_MESSAGE_BYTES } from '../proto/client.ts';

const OPTIONS = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
} as const;

/** Ends running calls after a moment: streams would otherwise hold the process for ever. */
const SHUTDOWN_MS = 500;

export interface LocalService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface ManagerServer {
  close(): Promise<void>;
}

/** Listens on a unix socket that only root may use. Removes a stale one of a manager that was killed. */
export async function serveLocally(socketPath: string, services: readonly LocalService[]): Promise<ManagerServer> {
  const server = new Server(OPTIONS);
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  await rm(socketPath, { force: true });
  await bind(server, socketPath);
  return { close: () => close(server, socketPath) };
}

async function bind(server: Server, socketPath: string): Promise<void> {
  // The socket must never be open to others, not even between bind and chmod.
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  } finally {
    process.umask(umask);
  }
  await chmod(socketPath, 0o600);
}

async function close(server: Server, socketPath: string): Promise<void> {
  await new Promise<void>((resolve) => {
    const force = setTimeout(() => server.forceShutdown(), SHUTDOWN_MS);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
  await rm(socketPath, { force: true });
}
