/**
 * HTTP to one registry, and to where it redirects: connections that are kept and reused, its certificates, a proxy,
 * and an end to waiting for who has stalled. Node's own client, since it streams with back-pressure both ways.
 */
import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  Agent as PlainAgent,
  request as requestPlain,
} from 'node:http';
import { request as requestSecure, Agent as SecureAgent } from 'node:https';
import type { ConnectionOptions, PeerCertificate, SecureContext } from 'node:tls';
import { GantryError } from '../../proto/errors.ts';
import { connectionFailure } from './connection-failure.ts';
import { StallTimer } from './stall-timer.ts';

export interface RequestBody {
  readonly length: number;
  /** Called again for a redirect. */
  readonly open: () => AsyncIterable<Uint8Array>;
  /** Whom it may be sent to by a redirect. */
  readonly audience: 'anybody' | 'the host alone';
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Where it came from, behind redirects. */
  readonly url: URL;
  /** Taken to its end, or given back by breaking off. */
  readonly body: AsyncIterable<Buffer>;
  /** For a body that nobody wants. */
  readonly discard: () => void;
}

export interface TransportOptions {
  /** HOST[:PORT] whose certificates these are. */
  readonly host: string;
  readonly verify: boolean;
  /** For the host itself; for others, without the client's certificate. */
  readonly contextFor: (isOwnHost: boolean) => SecureContext;
  /** Instead of comparing the certificate's names with the host's; an error refuses it. */
  readonly checkServerIdentity?: (host: string, certificate: PeerCertificate) => Error | undefined;
  readonly proxyFor: (url: URL) => string | undefined;
  /** How long nothing may come, or be taken, before it counts as stalled. */
  readonly stallMs: number;
}

const MOST_REDIRECTS = 10;
/** A registry that has got the last byte of a blob may have much to do before it answers. */
const STALL_FACTOR_AFTER_UPLOAD = 5;
/** What is read of an unwanted answer, so that the connection can be used again. */
const WORTH_READING_BYTES = 64 << 10;

export class HttpTransport implements Disposable {
  readonly #options: TransportOptions;
  readonly #agents = new Map<string, PlainAgent>();
  #underWay = 0;
  /** Answers nobody waits for, whose rest is taken in only so that the connection can be used again. */
  readonly #unwanted = new Set<IncomingMessage>();
  #isDisposed: boolean = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Ends all connections, when nothing is under way any more: what others wait for, too, outlives who began it. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const response of this.#unwanted) response.destroy();
    this.#endIfUnused();
  }

  #endIfUnused(): void {
    if (!this.#isDisposed || this.#underWay > 0) return;
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  /**
   * Follows redirects; what is secret goes to the request's own host only. Any status is an answer. Throws UNAVAILABLE
   * for a host that can't be reached or stalls, HOST for one that isn't trusted, CANCELLED.
   */
  async send(request: HttpRequest): Promise<HttpResponse> {
    let { url } = request;
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      const response = await this.#exchange(request, url);
      const target = redirectTarget(response, url);
      if (target === undefined) return this.#answer(response, url, request.signal);
      this.#discard(response);
      this.#checkRedirect(url, target);
      checkAudience(request, target);
      url = target;
    }
    throw new GantryError('UNAVAILABLE', `${request.url.host} redirects in circles (${MOST_REDIRECTS} times)`);
  }

  #checkRedirect(from: URL, to: URL): void {
    if (to.protocol !== 'http:' && to.protocol !== 'https:') {
      throw new GantryError('UNSUPPORTED', `${from.host} redirects to ${to.protocol}, which is neither http nor https`);
    }
    if (from.protocol === 'http:' || to.protocol === 'https:' || !this.#options.verify) return;
    throw new GantryError('HOST', `${from.host} redirects from TLS to plain HTTP (${to.host})`, {
      hint: `name ${this.#options.host} under "insecure-registries" if that is what you want`,
    });
  }

  async #exchange(request: HttpRequest, url: URL): Promise<IncomingMessage> {
    request.signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const send = url.protocol === 'https:' ? requestSecure : requestPlain;
    const outgoing = send(url, {
      method: request.method,
      headers: headersFor(request, url),
      agent: this.#agentFor(url),
      signal: request.signal,
    });
    this.#underWay += 1;
    outgoing.on('close', () => {
      this.#underWay -= 1;
      this.#endIfUnused();
      // Node closes without another word what it has no use for, such as an answer 101.
      reject(new GantryError('UNAVAILABLE', `${url.host} ended the connection without an answer`));
    });
    const stall = new StallTimer(this.#options.stallMs, () => outgoing.destroy(stalled(url, this.#options.stallMs)));
    outgoing.on('response', resolve);
    outgoing.on('error', (error) => reject(connectionFailure(url, error)));
    try {
      const sending = sendBody(outgoing, request.body, stall);
      // A refusal may come before all is sent; and one that fails to be sent fails with the request.
      sending.catch((error: unknown) => outgoing.destroy(error instanceof Error ? error : new Error(String(error))));
      return await promise;
    } finally {
      stall.end();
    }
  }

  #answer(response: IncomingMessage, url: URL, signal: AbortSignal): HttpResponse {
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      url,
      body: this.#readBody(response, url, signal),
      discard: () => this.#discard(response),
    };
  }

  async *#readBody(response: IncomingMessage, url: URL, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
    const { stallMs } = this.#options;
    const stall = new StallTimer(stallMs, () => response.destroy(stalled(url, stallMs)));
    try {
      for await (const chunk of response) {
        const data = chunk as Buffer;
        // While the consumer writes, nobody is waiting for the registry.
        stall.pause();
        yield data;
        stall.received(data.length);
      }
    } catch (error) {
      if (signal.aborted)
        throw new GantryError('CANCELLED', `the request to ${url.host} was cancelled`, { cause: error });
      throw connectionFailure(url, error);
    } finally {
      stall.end();
      this.#discard(response);
    }
  }

  #discard(response: IncomingMessage): void {
    if (response.readableEnded || response.destroyed) return;
    const length = Number(response.headers['content-length'] ?? Number.POSITIVE_INFINITY);
    if (this.#isDisposed || length > WORTH_READING_BYTES) {
      response.destroy();
      return;
    }
    this.#unwanted.add(response);
    response.on('close', () => this.#unwanted.delete(response));
    // What breaks now is of no interest: the next request gets another connection.
    response.on('error', () => undefined).resume();
  }

  #agentFor(url: URL): PlainAgent {
    const found = this.#agents.get(url.origin);
    if (found !== undefined) return found;
    const proxy = this.#options.proxyFor(url);
    const shared = {
      keepAlive: true,
      // Which hosts go through it has been decided: Node needn't know exceptions.
      proxyEnv: proxy === undefined ? undefined : { HTTP_PROXY: proxy, HTTPS_PROXY: proxy },
    };
    const agent =
      url.protocol === 'https:' ? new SecureAgent({ ...shared, ...this.#tls(url) }) : new PlainAgent(shared);
    this.#agents.set(url.origin, agent);
    return agent;
  }

  #tls(url: URL): ConnectionOptions {
    const { host, contextFor, verify, checkServerIdentity } = this.#options;
    const secureContext = contextFor(url.host === new URL(`https://${host}`).host);
    const check = checkServerIdentity === undefined ? {} : { checkServerIdentity };
    return { secureContext, rejectUnauthorized: verify, ...check };
  }
}

/** A header that is secret is left out elsewhere; a body can't be. */
function checkAudience({ body, url }: HttpRequest, target: URL): void {
  if (body?.audience !== 'the host alone' || target.origin === url.origin) return;
  throw new GantryError('HOST', `${url.host} redirects what is secret to ${target.host}`, {
    hint: 'this is a fault of the registry: ask its owner',
  });
}

function headersFor({ headers, body, url: own }: HttpRequest, url: URL): Record<string, string | number> {
  const all: Record<string, string | number> = { 'user-agent': 'gantry', 'accept-encoding': 'identity', ...headers };
  if (body !== undefined) all['content-length'] = body.length;
  if (url.origin !== own.origin) delete all.authorization;
  return all;
}

function redirectTarget({ statusCode = 0, headers }: IncomingMessage, url: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(statusCode) || headers.location === undefined) return undefined;
  if (URL.canParse(headers.location, url.href)) return new URL(headers.location, url);
  throw new GantryError('UNAVAILABLE', `${url.host} redirects to something that isn't a URL`);
}

async function sendBody(outgoing: ClientRequest, body: RequestBody | undefined, stall: StallTimer): Promise<void> {
  if (body !== undefined) {
    for await (const chunk of body.open()) {
      if (outgoing.destroyed) return;
      if (!outgoing.write(chunk)) await drained(outgoing);
      stall.restart();
    }
    stall.stretch(STALL_FACTOR_AFTER_UPLOAD);
  }
  outgoing.end();
}

function drained(outgoing: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      outgoing.off('drain', settle);
      outgoing.off('close', settle);
      resolve();
    };
    outgoing.on('drain', settle);
    outgoing.on('close', settle);
  });
}

function stalled(url: URL, ms: number): GantryError {
  return new GantryError(
    'UNAVAILABLE',
    `${url.host} has stalled: nothing came for ${Math.round(ms / 1000)} s, or next to nothing`,
  );
}
