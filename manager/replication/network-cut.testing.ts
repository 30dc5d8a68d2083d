/** A way for bytes between a client and a server that can be cut, as a network is: nobody is told, and later all comes late. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

type Direction = 'both' | 'to-client';

export class CuttableProxy {
  readonly #server: Server;
  readonly #pairs = new Set<{ readonly client: Socket; readonly server: Socket }>();
  #cut: Direction | undefined;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(target: { readonly host: string; readonly port: number }): Promise<CuttableProxy> {
    const server = createServer({ pauseOnConnect: true });
    const proxy = new CuttableProxy(server);
    server.on('connection', (client) => proxy.#join(client, connect(target)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Nothing gets through any more; what is sent meanwhile arrives after `mend`. */
  cut(direction: Direction = 'both'): void {
    this.#cut = direction;
    for (const { client, server } of this.#pairs) this.#let(client, server);
  }

  mend(): void {
    this.#cut = undefined;
    for (const { client, server } of this.#pairs) this.#let(client, server);
  }

  /** Breaks all connections; new ones are possible. */
  reset(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.reset();
    await closed;
  }

  #join(client: Socket, server: Socket): void {
    const pair = { client, server };
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on('error', end).on('close', end);
    client.on('data', (data) => server.write(data));
    server.on('data', (data) => client.write(data));
    this.#let(client, server);
  }

  #let(client: Socket, server: Socket): void {
    if (this.#cut === 'both') client.pause();
    else client.resume();
    if (this.#cut === undefined) server.resume();
    else server.pause();
  }
}
