/** This host's registry: for `docker push`, skopeo, buildah and CI. Off unless gantryd is told where to listen. */
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
import { ServedCertificate } from './served-certificate.ts';
import { showCertificate } from './show-certificate.ts';
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
/** How often the files of the certificate are looked at. */
const LOOK_MS = 5_000;

export class RegistryServer {
  readonly #parts: RegistryServerParts;
  readonly #records: RepositoryRecords;
  readonly #repositories: HostedRepositories;
  readonly #uploads: Uploads;
  #server: FastifyInstance | undefined;
  #certificate: ServedCertificate | undefined;
  #certificateFailure = '';
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(parts: RegistryServerParts) {
    const { dir, images, now, random } = parts;
    const logger = parts.logger.child({ component: 'registry' });
    this.#parts = { ...parts, logger };
    this.#records = new RepositoryRecords(dir, logger);
    this.#repositories = new HostedRepositories(images, this.#records, now);
    this.#uploads = new Uploads({ images, now, random, logger });
  }

  /** Reads what was pushed, whether or not it is shown: it is kept either way. Before anything is collected. */
  async open(): Promise<void> {
    await this.#records.open();
    await this.#uploads.open();
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
    if (options.certificate !== '') this.#certificate = new ServedCertificate(options);
    const server = newRegistryServer({
      tls: await this.#certificate?.next(),
      handle: async (request, reply) => {
        await authorise(request, logins);
        return await handler.handle(request, reply);
      },
      onFailure: (error, { method, url }) => logger.error({ err: error, method, url }, 'the registry has failed'),
    });
    this.#server = server;
    await listen(server, host, port);
    this.#every(SWEEP_MS, () => this.sweep());
    this.#every(LOOK_MS, () => this.renewCertificate());
    logger.info({ address: options.address }, 'the registry is open');
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#server?.close();
    await this.#uploads.close();
  }

  /** Shows the certificate that lies in the files now, to connections from now on. */
  async renewCertificate(): Promise<void> {
    const { logger } = this.#parts;
    try {
      const next = await this.#certificate?.next();
      if (next === undefined) return;
      showCertificate(this.#server, next);
      logger.info('the registry shows a new certificate');
      this.#certificateFailure = '';
    } catch (error) {
      const { message } = toGantryError(error);
      // Said once, not every few seconds.
      if (message !== this.#certificateFailure)
        logger.warn({ err: error }, 'the registry goes on with the certificate it has');
      this.#certificateFailure = message;
    }
  }

  #every(ms: number, work: () => Promise<void>): void {
    const timer = setInterval(() => void work(), ms);
    timer.unref();
    this.#timers.push(timer);
  }

  /** Ends what was begun and never ended. */
  async sweep(): Promise<void> {
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
