/** A registry server over a scratch directory, and raw requests to it: what tests of it share. */
import { createHash, randomBytes } from 'node:crypto';
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { pino } from 'pino';
import { freePort } from '../../../proto/free-port.testing.ts';
import { TestStores } from '../../image/testing/fixtures.ts';
import type { RegistryServerOptions } from '../registry-options.ts';
import { RegistryServer } from '../registry-server.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export const digestOf = (data: Buffer) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

export const descriptor = (mediaType: string, data: Buffer) => ({
  mediaType,
  digest: digestOf(data),
  size: data.length,
});

export const json = ({ body }: Answer) => JSON.parse(body.toString());

/** The code of an error, and its status: of a body as the specification wants it. */
export function refusalOf(answer: Answer): [number, string] {
  const { errors } = json(answer);
  return [answer.status, errors[0].code];
}

export class TestRegistry {
  readonly stores = new TestStores();
  port = 0;
  nowMs = 1_700_000_000_000;
  #server: RegistryServer | undefined;

  async start(): Promise<this> {
    await this.stores.open();
    this.port = await freePort();
    await this.serve();
    return this;
  }

  get server(): RegistryServer {
    if (this.#server === undefined) throw new Error('the registry has not been started');
    return this.#server;
  }

  async serve(options: Partial<RegistryServerOptions> = {}): Promise<void> {
    await this.#open(options);
    await this.server.listen();
  }

  /** As after a restart of the agent. */
  async restart(): Promise<void> {
    await this.server.close();
    await this.stores.reopen(() => this.#open({}));
    await this.server.listen();
  }

  async #open(options: Partial<RegistryServerOptions>): Promise<void> {
    this.#server = new RegistryServer({
      options: { address: `127.0.0.1:${this.port}`, certificate: '', key: '', users: '', hosts: [], ...options },
      ...{
        dir: this.stores.dir,
        images: this.stores.images,
        names: ['h1'],
        now: () => this.nowMs,
        random: randomBytes,
      },
      logger: pino({ level: 'silent' }),
    });
    await this.server.open();
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    await this.stores.dispose();
  }

  /** The path as it is, which fetch would tidy. */
  ask(method: string, path: string, headers: OutgoingHttpHeaders = {}, body?: Buffer): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const outgoing = request({ host: '127.0.0.1', port: this.port, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
    return promise;
  }
}
