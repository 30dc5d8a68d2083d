/** Connects to registries: finds out by which scheme they are reached, whether they are trusted, what they ask for. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { createSecureContext, getCACertificates, rootCertificates, type SecureContext } from 'node:tls';
import { GantryError } from '../../proto/errors.ts';
import type { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import { Authoriser } from './authoriser.ts';
import { readStart } from './bounded-body.ts';
import { connectionFailure } from './connection-failure.ts';
import { type Endpoint, endpointsOf, hostName } from './endpoints.ts';
import { readHostCertificates } from './host-certificates.ts';
import { HttpTransport } from './http-transport.ts';
import { InsecureHosts } from './insecure-hosts.ts';
import { type Environment, proxyFor } from './proxy.ts';
import { RegistryRefusal, readRefusal } from './refusal.ts';
import type { RegistrySettings } from './registry-settings.ts';
import { Repository } from './repository.ts';
import { type RetryClock, withRetries } from './retry.ts';

export interface ConnectorOptions {
  readonly settings: RegistrySettings;
  /** For HTTP_PROXY and its like. */
  readonly env: Environment;
  readonly clock: RetryClock;
  readonly stallMs: number;
}

/** How long nothing may come from a registry. */
export const STALL_MS = 30_000;
const MAX_ERROR_BYTES = 64 << 10;

interface Connection {
  /** "https://registry.example.com:5000/v2/" */
  readonly base: string;
  readonly transport: HttpTransport;
  readonly authoriser: Authoriser;
}

export class RegistryConnector {
  readonly #options: ConnectorOptions;
  readonly #insecure: InsecureHosts;
  /** For hosts without certificates of their own: it takes some tens of milliseconds to read all authorities. */
  #systemContext: SecureContext | undefined;

  constructor(options: ConnectorOptions) {
    this.#options = options;
    this.#insecure = new InsecureHosts(options.settings.insecure);
  }

  /** Where to look for the images of a domain, in this order. */
  endpoints(domain: string): readonly Endpoint[] {
    return endpointsOf(domain, this.#options.settings.mirrors);
  }

  /** `name` is the repository for messages. The caller disposes of it. */
  async connect(
    endpoint: Endpoint,
    repository: { readonly path: string; readonly name: string },
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
  ): Promise<Repository> {
    const own = endpoint.role === 'origin' ? credentials : undefined;
    const connection = await this.#reach(endpoint, own, signal);
    return new Repository({ ...connection, ...repository, clock: this.#options.clock });
  }

  /** Whether a registry takes these credentials. Throws PERMISSION_DENIED when it doesn't. */
  async login(domain: string, credentials: RegistryCredentials, signal: AbortSignal): Promise<void> {
    const endpoint = endpointsOf(domain, []).at(-1);
    if (endpoint === undefined) throw new GantryError('INTERNAL', `${domain} has no endpoint`);
    const { base, transport, authoriser } = await this.#reach(endpoint, credentials, signal);
    try {
      const authorization = await authoriser.header([], signal);
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const response = await transport.send({ method: 'GET', url: new URL(base), headers, signal });
      const body = await readStart(response, MAX_ERROR_BYTES);
      if (response.status === 200) return;
      const answer = readRefusal(response.status, response.headers, body, this.#options.clock.now());
      const reason = response.status === 401 ? 'unauthorized: incorrect username or password' : answer.reason;
      throw new RegistryRefusal(`login at ${endpoint.host}`, { ...answer, reason });
    } finally {
      transport[Symbol.dispose]();
    }
  }

  /** By the first scheme that is answered; an insecure registry may speak HTTP alone. */
  async #reach(
    endpoint: Endpoint,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
  ): Promise<Connection> {
    const isInsecure = await this.#isInsecure(endpoint.host);
    const transport = await this.#transport(endpoint.host, !isInsecure);
    try {
      const schemes = endpoint.scheme === 'http' ? ['http'] : isInsecure ? ['https', 'http'] : ['https'];
      let failure: unknown;
      for (const scheme of schemes) {
        const base = `${scheme}://${endpoint.host}${endpoint.prefix}/v2/`;
        const allowsPlainHttp = scheme === 'http' || isInsecure;
        const { host } = endpoint;
        const authoriser = new Authoriser({
          host,
          transport,
          credentials,
          allowsPlainHttp,
          clock: this.#options.clock,
        });
        try {
          await this.#ping(base, transport, authoriser, signal);
          return { base, transport, authoriser };
        } catch (error) {
          // What answers by this scheme isn't asked by another. The first failure is the one to mend.
          if (error instanceof RegistryRefusal || signal.aborted) throw error;
          failure ??= error;
        }
      }
      throw failure;
    } catch (error) {
      transport[Symbol.dispose]();
      throw error;
    }
  }

  /** The API's root: 200, or 401 with what must be shown. */
  async #ping(base: string, transport: HttpTransport, authoriser: Authoriser, signal: AbortSignal): Promise<void> {
    const url = new URL(base);
    const attempt = async () => {
      const response = await transport.send({ method: 'GET', url, headers: {}, signal });
      if (response.status === 200 || (response.status === 401 && authoriser.learn(response))) {
        response.discard();
        return undefined;
      }
      const body = await readStart(response, MAX_ERROR_BYTES);
      const answer = readRefusal(response.status, response.headers, body, this.#options.clock.now());
      const refusal = new RegistryRefusal(`asking ${url.host} whether it is a registry`, answer);
      if (refusal.temporary) throw refusal;
      // Some let nobody see the root; what they say of the image itself counts.
      return undefined;
    };
    // A host that can't be reached at all isn't waited for: there may be another scheme, or a mirror.
    await withRetries(() => refusalsOnly(attempt), { clock: this.#options.clock, signal }).then(throwUnreachable);
  }

  async #transport(host: string, verify: boolean): Promise<HttpTransport> {
    const { settings, env, stallMs } = this.#options;
    const { authorities, client } = await readHostCertificates(host, settings.certificates);
    const context = (shown: typeof client): SecureContext => {
      if (authorities.length === 0 && shown === undefined) {
        this.#systemContext ??= createSecureContext({ ca: [...systemAuthorities()] });
        return this.#systemContext;
      }
      const certificate = shown === undefined ? {} : { cert: shown.certificate, key: shown.key };
      return createSecureContext({ ca: [...systemAuthorities(), ...authorities], ...certificate });
    };
    return new HttpTransport({
      host,
      verify,
      contextFor: (isOwnHost) => context(isOwnHost ? client : undefined),
      proxyFor: (url) => proxyFor(url, env),
      stallMs,
    });
  }

  async #isInsecure(host: string): Promise<boolean> {
    const name = hostName(host);
    if (isIP(name) !== 0) return this.#insecure.includes(host, [name]);
    if (this.#insecure.includes(host, [])) return true;
    try {
      const found = await lookup(name, { all: true });
      return this.#insecure.includes(
        host,
        found.map(({ address }) => address),
      );
    } catch (error) {
      // A proxy may know it. Asking a second time for the connection would take as long again.
      const url = new URL(`https://${host}/`);
      if (proxyFor(url, this.#options.env) === undefined) throw connectionFailure(url, error);
      return false;
    }
  }
}

/** As Go's programs: those of the system; Node's own where there are none. */
function systemAuthorities(): readonly string[] {
  const system = getCACertificates('system');
  return system.length > 0 ? system : rootCertificates;
}

/** What isn't a registry's answer is handed over as a value, past whoever would try again. */
async function refusalsOnly(attempt: () => Promise<undefined>): Promise<unknown> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof RegistryRefusal) throw error;
    return error;
  }
}

function throwUnreachable(failure: unknown): void {
  if (failure !== undefined) throw failure;
}
