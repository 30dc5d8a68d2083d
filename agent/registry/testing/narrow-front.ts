/** For tests: stands before a registry, and breaks connections or refuses bodies, as proxies on the way do. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export class NarrowFront {
  /** "METHOD BYTES STATUS", 0 for what was broken off. */
  readonly seen: string[] = [];
  /** Larger bodies are refused with 413. */
  limitBytes = Number.POSITIVE_INFINITY;
  /** The next upload is broken off behind so many bytes of its body. */
  cutAfterBytes: number | undefined;
  readonly #server: Server;
  readonly #port: () => number;

  constructor(port: () => number) {
    this.#port = port;
    this.#server = createServer((incoming, response) => this.#pass(incoming, response));
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #pass(incoming: IncomingMessage, response: ServerResponse): void {
    const { method = '', url, headers } = incoming;
    const bytes = Number(headers['content-length'] ?? 0);
    const note = (status: number) => this.seen.push(`${method} ${bytes} ${status}`);
    if (bytes > this.limitBytes) {
      note(413);
      incoming.resume().on('end', () => response.writeHead(413).end());
      return;
    }
    const onward = request({ host: '127.0.0.1', port: this.#port(), method, path: url, headers }, (answer) => {
      note(answer.statusCode ?? 0);
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    let passed = 0;
    incoming.on('data', (chunk: Buffer) => {
      passed += chunk.length;
      if (this.cutAfterBytes === undefined || passed <= this.cutAfterBytes) return;
      this.cutAfterBytes = undefined;
      note(0);
      // What has been passed on is there before the connection breaks.
      onward.write(chunk, () => {
        onward.destroy();
        incoming.destroy();
      });
      incoming.unpipe(onward);
    });
    incoming.pipe(onward);
  }
}
