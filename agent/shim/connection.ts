/** One connection to a shim's socket. */
import { closeSync, openSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import { MessageDecoder, PROTOCOL_VERSION, type ShimMessage } from './protocol.ts';

const SOCKET = 'shim.sock';
/** sizeof sun_path - 1: Linux takes no longer socket path. */
const MAX_SOCKET_PATH = 107;

/** A message was dealt with, or will have been when the promise settles: until then no more is read. */
export type MessageHandler = (message: ShimMessage) => void | Promise<void>;

export class ShimConnection {
  readonly pid: number;
  readonly #socket: net.Socket;
  readonly #messages: AsyncGenerator<ShimMessage>;

  private constructor(socket: net.Socket, messages: AsyncGenerator<ShimMessage>, pid: number) {
    this.#socket = socket;
    this.#messages = messages;
    this.pid = pid;
  }

  /** Rejects with the code of connect(2): ENOENT or ECONNREFUSED when nobody serves the socket. */
  static async open(stateDir: string): Promise<ShimConnection> {
    const socket = await connect(stateDir);
    const messages = readMessages(socket);
    try {
      const { value: hello, done } = await messages.next();
      if (done === true || hello.kind !== 'hello') throw goneError('the shim has closed the connection');
      if (hello.version !== PROTOCOL_VERSION) throw wrongVersion(stateDir, hello.version);
      return new ShimConnection(socket, messages, hello.pid);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** Hands over message after message; resolves when the connection has ended, by either side. */
  async run(handler: MessageHandler): Promise<void> {
    try {
      for await (const message of this.#messages) {
        const pending = handler(message);
        if (pending !== undefined) await pending;
      }
    } finally {
      this.#socket.destroy();
    }
  }

  /** Without effect after the end. */
  send(frame: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(frame);
  }

  close(): void {
    this.#socket.destroy();
  }
}

function wrongVersion(stateDir: string, version: number): GantryError {
  return new GantryError('UNSUPPORTED', `the shim in ${stateDir} speaks protocol version ${version}`, {
    hint: 'it was started by another version of gantryd: stop the container with that one',
  });
}

/** An end that comes before the first message is the same to callers as an unserved socket. */
function goneError(message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNREFUSED' });
}

async function* readMessages(socket: net.Socket): AsyncGenerator<ShimMessage> {
  const decoder = new MessageDecoder();
  try {
    for await (const chunk of socket) yield* decoder.push(chunk as Buffer);
  } catch (error) {
    // Destroyed by ourselves, or reset by a shim that was killed: an end like any other.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_STREAM_PREMATURE_CLOSE' && code !== 'ECONNRESET' && code !== 'EPIPE') throw error;
  }
}

async function connect(stateDir: string): Promise<net.Socket> {
  const path = join(stateDir, SOCKET);
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return await connectTo(path);
  const directory = openSync(stateDir, 'r');
  try {
    return await connectTo(`/proc/self/fd/${directory}/${SOCKET}`);
  } finally {
    closeSync(directory);
  }
}

function connectTo(path: string): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      // The reader sees errors as its own; one of a write alone, as to a shim that has just ended, is told by the end.
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}
