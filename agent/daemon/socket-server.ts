/** The gRPC server on gantryd's unix sockets. */
import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { Server, ServerCredentials, type ServerInterceptor } from '@grpc/grpc-js';
import { MAX_MESSAGE_BYTES } from '../../proto/client.ts';
import { GantryError } from '../../proto/errors.ts';
import type { MountedService } from '../engine/cluster-service.ts';

const SOCKET_MODE = 0o660;

export class SocketServer {
  readonly #server: Server;

  constructor(services: readonly MountedService[], interceptors: readonly ServerInterceptor[] = []) {
    this.#server = new Server({
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
      interceptors: [...interceptors],
    });
    for (const { definition, implementation } of services) this.#server.addService(definition, implementation);
  }

  /** A socket appears when calls on it are answered, not before. IN_USE when another process listens there. */
  async listen(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
      await removeStale(path);
      await this.#bind(path);
      // Until here nobody but root can connect: a socket is made without write permission for others.
      chmodSync(path, SOCKET_MODE);
    }
  }

  #bind(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (cause) => {
        if (cause === null) resolve();
        else reject(new GantryError('HOST', `cannot listen on ${path}: ${cause.message}`, { cause }));
      });
    });
  }

  /** New calls are refused; those in progress have `graceMs` to end. */
  async close(graceMs: number): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    const timer = setTimeout(() => this.#server.forceShutdown(), graceMs);
    await ended;
    clearTimeout(timer);
  }
}

/** A socket that nobody answers on was left by a gantryd that was killed. */
async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new GantryError('IN_USE', `cannot listen on ${path}: there is a file that is no socket`);
  if (await isAnswered(path)) {
    throw new GantryError('IN_USE', `cannot listen on ${path}: another process does`, {
      hint: 'stop it, or choose another socket with --host',
    });
  }
  unlinkSync(path);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
