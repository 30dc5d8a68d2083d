/** For tests: a small registry on loopback that can be told to misbehave. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Digest } from '../../../proto/ids.ts';
import { digestOf } from '../../image/content-store.ts';
import { DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from '../../image/manifest.ts';

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

/** True when it has answered. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface Login {
  readonly scheme: 'basic' | 'bearer';
  readonly username: string;
  readonly password: string;
  readonly refreshToken?: string;
  readonly expiresInS?: number;
}

interface StoredManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

export class FakeRegistry {
  readonly requests: SeenRequest[] = [];
  /** By repository and digest: "app@sha256:..." */
  readonly blobs = new Map<string, Buffer>();
  /** By repository and reference: "app:1", "app:sha256:..." */
  readonly manifests = new Map<string, StoredManifest>();
  misbehave: Misbehaviour = () => false;
  login: Login | undefined;
  /** Tokens that are valid. */
  readonly tokens = new Set<string>();
  readonly #server: Server;
  /** How many requests {@link misbehave} has taken. */
  misbehaved = 0;
  #uploads = 0;

  constructor() {
    this.#server = createServer((request, response) => void this.serve(request, response));
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** That are open now. */
  async connections(): Promise<number> {
    return await new Promise((resolve, reject) =>
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
    );
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Requests whose line matches, such as "GET /v2/app/blobs/". */
  seen(line: string): readonly SeenRequest[] {
    return this.requests.filter(({ method, url }) => `${method} ${url}`.startsWith(line));
  }

  putBlob(repository: string, data: Buffer): { readonly digest: Digest; readonly size: number } {
    const digest = digestOf(data);
    this.blobs.set(`${repository}@${digest}`, data);
    return { digest, size: data.length };
  }

  putManifest(repository: string, tag: string, document: object, mediaType = OCI_MANIFEST): Digest {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...document }));
    const digest = digestOf(bytes);
    for (const reference of [tag, digest]) this.manifests.set(`${repository}:${reference}`, { bytes, mediaType });
    return digest;
  }

  /** An image of these layers, uncompressed tars. */
  putImage(repository: string, tag: string, layers: readonly Buffer[], platform = 'amd64'): Digest {
    const rootfs = { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) };
    const config = Buffer.from(
      JSON.stringify({ architecture: platform, os: 'linux', config: { Cmd: ['sh'] }, rootfs }),
    );
    return this.putManifest(repository, tag, {
      config: { mediaType: OCI_CONFIG, ...this.putBlob(repository, config) },
      layers: layers.map((layer) => ({ mediaType: OCI_LAYER, ...this.putBlob(repository, layer) })),
    });
  }

  /** An index of the manifests, by architecture. */
  putIndex(repository: string, tag: string, manifests: Readonly<Record<string, Digest>>): Digest {
    const entries = Object.entries(manifests).map(([architecture, digest]) => ({
      mediaType: DOCKER_MANIFEST,
      digest,
      size: this.manifests.get(`${repository}:${digest}`)?.bytes.length ?? 1,
      platform: { os: 'linux', architecture },
    }));
    return this.putManifest(repository, tag, { manifests: entries }, OCI_INDEX);
  }

  /** Answers what has come to another server in front of it. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    this.requests.push({ method, url, headers });
    if (this.misbehave(request, response)) {
      this.misbehaved += 1;
      return;
    }
    const { pathname, searchParams } = new URL(url, 'http://registry');
    const [, repository = '', kind = '', name = ''] =
      /^\/v2\/(.+)\/(manifests|blobs|blobs\/uploads|tags)\/([^/]*)$/.exec(pathname) ?? [];
    if (pathname === '/token') this.#giveToken(request, response);
    else if (!this.#isAllowed(request)) this.#challenge(response);
    else if (pathname === '/v2/') answer(response, 200, '{}');
    else if (kind === 'tags') this.#listTags(repository, response);
    else if (kind === 'manifests') await this.#manifest(request, repository, name, response);
    else if (kind === 'blobs') this.#blob(request, repository, name, response);
    else if (kind === 'blobs/uploads') await this.#upload(request, repository, searchParams, response);
    else refuse(response, 404, 'NOT_FOUND', 'no such page');
  }

  #isAllowed({ headers }: IncomingMessage): boolean {
    if (this.login === undefined) return true;
    if (this.login.scheme === 'basic') return headers.authorization === basic(this.login);
    return this.tokens.has((headers.authorization ?? '').replace(/^Bearer /, ''));
  }

  #challenge(response: ServerResponse): void {
    const bearer = `Bearer realm="http://${this.host}/token",service="fake"`;
    response.setHeader('www-authenticate', this.login?.scheme === 'basic' ? 'Basic realm="fake"' : bearer);
    refuse(response, 401, 'UNAUTHORIZED', 'authentication required');
  }

  #giveToken(request: IncomingMessage, response: ServerResponse): void {
    const { login } = this;
    const isKnown = login !== undefined && request.headers.authorization === basic(login);
    if (request.method === 'GET' && !isKnown) {
      refuse(response, 401, 'DENIED', 'who are you');
      return;
    }
    const token = `token-${this.requests.length}`;
    this.tokens.add(token);
    answer(response, 200, JSON.stringify({ token, expires_in: login?.expiresInS ?? 300 }));
  }

  #listTags(repository: string, response: ServerResponse): void {
    const prefix = `${repository}:`;
    const names = [...this.manifests.keys()].filter((key) => key.startsWith(prefix));
    const tags = names.map((key) => key.slice(prefix.length)).filter((tag) => !tag.includes(':'));
    answer(response, 200, JSON.stringify({ name: repository, tags }));
  }

  async #manifest(
    request: IncomingMessage,
    repository: string,
    reference: string,
    response: ServerResponse,
  ): Promise<void> {
    if (request.method === 'PUT') {
      const bytes = await read(request);
      const stored = { bytes, mediaType: request.headers['content-type'] ?? '' };
      for (const name of [reference, digestOf(bytes)]) this.manifests.set(`${repository}:${name}`, stored);
      response.setHeader('docker-content-digest', digestOf(bytes));
      answer(response, 201, '');
      return;
    }
    const found = this.manifests.get(`${repository}:${reference}`);
    if (found === undefined) {
      refuse(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown');
      return;
    }
    response.setHeader('content-type', found.mediaType);
    response.setHeader('docker-content-digest', digestOf(found.bytes));
    answer(response, 200, found.bytes);
  }

  #blob({ method, headers }: IncomingMessage, repository: string, digest: string, response: ServerResponse): void {
    const data = this.blobs.get(`${repository}@${digest}`);
    if (data === undefined) {
      refuse(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry');
      return;
    }
    const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    if (from > 0) response.setHeader('content-range', `bytes ${from}-${data.length - 1}/${data.length}`);
    response.setHeader('content-length', data.length - from);
    answer(response, from > 0 ? 206 : 200, method === 'HEAD' ? '' : data.subarray(from));
  }

  async #upload(
    request: IncomingMessage,
    repository: string,
    query: URLSearchParams,
    response: ServerResponse,
  ): Promise<void> {
    const digest = query.get('digest');
    if (request.method === 'PUT' && digest !== null) {
      const data = await read(request);
      if (digestOf(data) !== digest) {
        refuse(response, 400, 'DIGEST_INVALID', 'digest did not match');
        return;
      }
      this.putBlob(repository, data);
      answer(response, 201, '');
      return;
    }
    const mounted = this.blobs.get(`${query.get('from')}@${query.get('mount')}`);
    if (mounted !== undefined) {
      this.putBlob(repository, mounted);
      answer(response, 201, '');
      return;
    }
    if (request.method === 'DELETE') {
      answer(response, 204, '');
      return;
    }
    this.#uploads += 1;
    response.setHeader('location', `/v2/${repository}/blobs/uploads/${this.#uploads}?state=x`);
    answer(response, 202, '');
  }
}

function basic({ username, password }: Login): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function answer(response: ServerResponse, status: number, body: string | Buffer): void {
  response.statusCode = status;
  response.end(body);
}

export function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  answer(response, status, JSON.stringify({ errors: [{ code, message }] }));
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
