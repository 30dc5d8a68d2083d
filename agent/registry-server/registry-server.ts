/** This host's registry: for `docker push`, skopeo, buildah and CI. Off unless gantryd is told where to listen. */
import { readFile } from 'node:fs/promises';
import type { ServerOptions } from 'node:https';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { parseListenAddress } from '../../proto/address.ts';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import type { ImageStore } from '../image/image-store.ts';
import { HostedHandler } from './hosted-handler.ts';
import { HostedRepositories } from './hosted-repositories.ts';
import { Logins } from './logins.ts';
import { RegistryError } from './registry-error.ts';
import type { RegistryServerOptions } from './registry-options.ts';
import { RepositoryRecords } from './repository-records.ts';
import { Uploads } from './uploads.ts';

export interface RegistryServerParts {
  readonly options: RegistryServerOptions;
  /** DATA_ROOT */
  readonly dir: string;
  readonly images: ImageStore;
  /** What this node is called, without ports: pushes may use these names. */
  readonly names: readonly string[];
  readonly now: () => number;
  readonly random: RandomBytes;
  readonly logger: Logger;
}

/** How often what was begun and never ended is looked for. */
const SWEEP_MS = 60_000;
const TLS_VERSION = { minVersion: 'TLSv1.2' } as const;

export class RegistryServer {
  readonly #parts: RegistryServerParts;
  readonly #records: RepositoryRecords;
  readonly #repositories: HostedRepositories;
  readonly #uploads: Uploads;
  #server: FastifyInstance | undefined;
  #sweeping: NodeJS.Timeout | undefined;

  constructor(parts: RegistryServerParts) {
    const { dir, images, now, random } = parts;
    const logger = parts.logger.child({ component: 'registry' });
    this.#parts = { ...parts, logger };
    this.#records = new RepositoryRecords(dir, logger);
    this.#repositories = new HostedRepositories(images, this.#records, now);
    this.#uploads = new Uploads({ content: images.content, now, random });
  }

  /** Reads what was pushed, whether or not it is shown: it is kept either way. Before anything is collected. */
  async open(): Promise<void> {
    await this.#records.open();
  }

  /** Rejects when it can't be opened as is wanted: who relies on it would else believe that it is. */
  async listen(): Promise<void> {
    const { options, images, names, now, logger } = this.#parts;
    if (options.address === '') return;
    const { host, port } = parseListenAddress(options.address);
    const logins = options.users === '' ? undefined : new Logins(options.users);
    await logins?.load();
    const handler = new HostedHandler({
      ...{ content: images.content, repositories: this.#repositories, uploads: this.#uploads, now },
      hosts: { port, names, further: options.hosts },
    });
    // Nobody else waits for its packages, or keeps them in memory.
    const { newRegistryServer } = await import('./new-server.ts');
    const server = newRegistryServer({
      tls: await readTls(options),
      handle: async (request, reply) => {
        await authorise(request, logins);
        return await handler.handle(request, reply);
      },
      onFailure: (error, { method, url }) => logger.error({ err: error, method, url }, 'the registry has failed'),
    });
    this.#server = server;
    await listen(server, host, port);
    this.#sweeping = setInterval(() => void this.#sweep(), SWEEP_MS);
    this.#sweeping.unref();
    // Of pushes that were cut off with the agent.
    images.garbage.schedule();
    logger.info({ address: options.address }, 'the registry is open');
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeping);
    await this.#server?.close();
    await this.#uploads.close();
  }

  async #sweep(): Promise<void> {
    try {
      await this.#uploads.endAbandoned();
      this.#repositories.expire();
    } catch (error) {
      this.#parts.logger.warn({ err: toGantryError(error) }, 'abandoned uploads could not be removed');
    }
  }
}

async function authorise(request: FastifyRequest, logins: Logins | undefined): Promise<void> {
  if (logins === undefined || (await logins.accept(request.headers.authorization))) return;
  throw new RegistryError('UNAUTHORIZED', 'authentication required', {
    headers: { 'www-authenticate': 'Basic realm="gantry"' },
  });
}

async function readTls({ certificate, key }: RegistryServerOptions): Promise<ServerOptions | undefined> {
  if (certificate === '') return undefined;
  try {
    return { cert: await readFile(certificate), key: await readFile(key), ...TLS_VERSION };
  } catch (cause) {
    throw new GantryError(
      'INVALID_ARGUMENT',
      `cannot read the registry's certificate: ${toGantryError(cause).message}`,
      {
        hint: 'name both files with --registry-cert and --registry-key',
        cause,
      },
    );
  }
}

async function listen(server: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await server.listen({ host, port });
  } catch (cause) {
    await server.close();
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const what = `--registry-addr: cannot listen on ${host} port ${port}`;
    if (code === 'EADDRINUSE') {
      const hint = 'stop what holds the port, or choose another with --registry-addr';
      throw new GantryError('PORT_IN_USE', `${what}: another process does`, { hint, cause });
    }
    throw new GantryError('HOST', `${what}: ${toGantryError(cause).message}`, { cause });
  }
}
