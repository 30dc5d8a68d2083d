/** Shows the managers that this node is where it says: while it asks to be taken in, it answers there with a secret. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { listenAddress } from '../../proto/address.ts';

const SECRET_BYTES = 16;

export class Callback {
  readonly secret = randomBytes(SECRET_BYTES);
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.end(this.secret);
    });
  }

  /** `advertiseAddr`: IP:PORT. Undefined when nobody can be answered there: what is wrong with it shows when it is used. */
  static async listen(advertiseAddr: string): Promise<Callback | undefined> {
    const callback = new Callback();
    try {
      callback.#server.listen(listenAddress(advertiseAddr));
      await once(callback.#server, 'listening');
      return callback;
    } catch {
      return undefined;
    }
  }

  async close(): Promise<void> {
    this.#server.close();
    // Whoever connected and doesn't go isn't waited for.
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }
}
