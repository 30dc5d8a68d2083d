/** A manager's gRPC server on its socket: Control for clients, Dispatcher for agents. */
import { chmod, rm } from 'node:fs/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { MAX_MESSAGE_BYTES } from '../proto/client.ts';
import { ControlService } from '../proto/generated/gantry/v1/control.ts';
import {
  DispatcherService,
  type SessionRequest,
  type SessionResponse,
  type TunnelFrame,
} from '../proto/generated/gantry/v1/dispatcher.ts';
import { type BidiHandler, bidiMethod } from '../proto/server.ts';
import { controlServer } from './api/control.ts';
import type { LeadershipRunner } from './leadership.ts';

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
export async function serve(socketPath: string, leadership: LeadershipRunner): Promise<ManagerServer> {
  const server = new Server(OPTIONS);
  server.addService(
    ControlService,
    controlServer(async (signal) => (await leadership.term(signal)).api),
  );
  const session: BidiHandler<SessionRequest, SessionResponse> = async function* (requests, signal) {
    yield* (await leadership.term(signal)).dispatcher.session(requests, signal);
  };
  const tunnel: BidiHandler<TunnelFrame, TunnelFrame> = async function* (frames, signal) {
    yield* (await leadership.term(signal)).dispatcher.tunnel(frames, signal);
  };
  server.addService(DispatcherService, { session: bidiMethod(session), tunnel: bidiMethod(tunnel) });
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
