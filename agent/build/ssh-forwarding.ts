/**
 * RUN --mount=type=ssh: a socket for a step, whose connections lead to an SSH agent of the client's. Its key never
 * comes here: the agent signs what the step's ssh asks it to.
 */
import { chmod, chown, mkdir } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import type { SshMessage } from './build-input.ts';
import type { RunMount } from './run-mounts.ts';

type SshMount = Extract<RunMount, { kind: 'ssh' }>;

export interface SshSocket {
  /** On the host. */
  readonly path: string;
  close(): Promise<void>;
}

/** Agents answer with keys and signatures. */
const MAX_QUEUED_BYTES = 1 << 20;

/** Of one build. */
export class SshForwarding {
  readonly #ids: ReadonlySet<string>;
  readonly #send: (message: SshMessage) => void;
  readonly #connections = new Map<number, Socket>();
  #opened = 0;

  /** `ids` are those that the client has agents for. */
  constructor(ids: readonly string[], send: (message: SshMessage) => void) {
    this.#ids = new Set(ids);
    this.#send = send;
  }

  /** Takes what the client says until it says no more: no agent answers then. */
  async run(messages: AsyncIterable<SshMessage>): Promise<void> {
    try {
      for await (const { connection, data } of messages) {
        const socket = this.#connections.get(connection);
        if (data.length === 0) socket?.end();
        // A step that doesn't read what it has asked for is left alone.
        else if (socket !== undefined && !socket.write(data) && socket.writableLength > MAX_QUEUED_BYTES)
          socket.destroy();
      }
    } finally {
      for (const socket of this.#connections.values()) socket.destroy();
    }
  }

  /**
   * Undefined when the client has no such agent and the step needs none. `directory` is made. Throws NOT_FOUND.
   */
  async open(mount: SshMount, directory: string): Promise<SshSocket | undefined> {
    const { id, required, uid, gid, mode } = mount;
    if (!this.#ids.has(id)) {
      if (!required) return undefined;
      throw new GantryError('NOT_FOUND', `the SSH agent ${id} is required and was not given`, {
        hint: `build with --ssh ${id}`,
      });
    }
    await mkdir(directory, { mode: 0o711 });
    const path = join(directory, 'agent');
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#connect(id, socket, sockets));
    await listen(server, path);
    await chown(path, uid, gid);
    await chmod(path, mode);
    return { path, close: () => closeServer(server, sockets) };
  }

  #connect(id: string, socket: Socket, sockets: Set<Socket>): void {
    const connection = ++this.#opened;
    this.#connections.set(connection, socket);
    sockets.add(socket);
    const say = (data: Buffer): void => this.#send({ connection, id, data });
    socket.on('data', say);
    socket.on('end', () => say(Buffer.alloc(0)));
    // Its 'close' follows.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#connections.delete(connection);
      sockets.delete(socket);
      if (!socket.readableEnded) say(Buffer.alloc(0));
    });
  }
}

/** The step has ended: nobody is at the other end of its connections. */
async function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of sockets) socket.destroy();
  await closed;
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve());
  });
}
