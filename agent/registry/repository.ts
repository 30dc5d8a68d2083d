/**
 * One repository of a registry, by the OCI distribution specification 1.1 (Docker's v2 API is the same): manifests and
 * blobs, each verified by whoever keeps it.
 */
import { GantryError } from '../../proto/errors.ts';
import { type Digest, isDigest } from '../../proto/ids.ts';
import { isTag } from '../../proto/image-reference.ts';
import { digestOf } from '../image/content-store.ts';
import { asArray, asObject, asString, optional, parseJson } from '../image/json-fields.ts';
import { DOCKER_INDEX, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../image/manifest.ts';
import { type Authoriser, bytesBody } from './authoriser.ts';
import { type BlobBytes, BlobUpload, type UploadTarget, uploadLocation } from './blob-upload.ts';
import { readBounded, readStart } from './bounded-body.ts';
import type { HttpRequest, HttpResponse, HttpTransport } from './http-transport.ts';
import { printable, RegistryRefusal, readRefusal } from './refusal.ts';
import { type RetryClock, withRetries } from './retry.ts';

/** As the specification recommends to registries, and containerd and Docker keep to. */
export const MAX_MANIFEST_BYTES = 4 << 20;
const MAX_ERROR_BYTES = 64 << 10;
const MAX_TAG_PAGES = 1000;
const MAX_TAGS = 100_000;

export interface RemoteManifest {
  readonly digest: Digest;
  readonly bytes: Buffer;
  /** As the registry calls it; anything. */
  readonly contentType: string;
}

export interface RemoteBlob {
  /** Where the body begins: where it was asked for, or 0 from a registry that doesn't know ranges. */
  readonly offset: number;
  readonly body: AsyncIterable<Buffer>;
}

export interface RepositoryOptions {
  /** "https://registry.example.com:5000/v2/" */
  readonly base: string;
  /** "library/busybox" */
  readonly path: string;
  /** For messages, as users write it. */
  readonly name: string;
  readonly transport: HttpTransport;
  readonly authoriser: Authoriser;
  readonly clock: RetryClock;
  /** Of whoever has images of several registries: whose repository it is. */
  readonly namespace?: string;
  /** Of one request; see RetryOptions. */
  readonly mostFailures?: number;
  /** It has begun to get the image: a blob that it lacks is on its way. */
  readonly isBringing?: boolean;
}

/** What is done there, and so what a token must allow. */
export type Access = 'pull' | 'pull,push';

const ACCEPTED = [OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST].join(', ');

export class Repository implements Disposable {
  readonly #options: RepositoryOptions;

  constructor(options: RepositoryOptions) {
    this.#options = options;
  }

  get host(): string {
    return new URL(this.#options.base).host;
  }

  get isBringing(): boolean {
    return this.#options.isBringing ?? false;
  }

  [Symbol.dispose](): void {
    this.#options.transport[Symbol.dispose]();
  }

  /** By tag or digest. Throws CORRUPT when it isn't what was asked for, NOT_FOUND, and as {@link HttpTransport.send}. */
  async manifest(reference: string, signal: AbortSignal): Promise<RemoteManifest> {
    const what = `manifest ${reference} of ${this.#options.name}`;
    return await this.#retried(signal, async () => {
      const response = await this.#send('GET', `manifests/${reference}`, 'pull', { accept: ACCEPTED }, signal);
      if (response.status !== 200) throw await this.#refusal(response, what);
      const bytes = await readBounded(response, MAX_MANIFEST_BYTES, what);
      const digest = digestOf(bytes);
      const told = response.headers['docker-content-digest'];
      const expected = isDigest(reference) ? reference : typeof told === 'string' && isDigest(told) ? told : digest;
      const contentType = (response.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
      if (digest === expected) return { digest, bytes, contentType };
      throw new GantryError('CORRUPT', `${what}: ${this.host} sent one with the digest ${digest}, not ${expected}`);
    });
  }

  /** One attempt: who reads the body knows how far it got. Throws as {@link manifest}. */
  async blob(digest: Digest, offset: number, signal: AbortSignal): Promise<RemoteBlob> {
    const range: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
    const response = await this.#send('GET', `blobs/${digest}`, 'pull', range, signal);
    if (response.status === 200) return { offset: 0, body: response.body };
    if (response.status !== 206) throw await this.#refusal(response, `blob ${digest} of ${this.#options.name}`);
    const start = Number(/^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')?.[1] ?? offset);
    if (start <= offset) return { offset: start, body: response.body };
    response.discard();
    throw new GantryError('CORRUPT', `${this.host} sent blob ${digest} from byte ${start} on, not from ${offset}`);
  }

  async hasBlob(digest: Digest, signal: AbortSignal): Promise<boolean> {
    return await this.#retried(signal, async () => {
      const response = await this.#send('HEAD', `blobs/${digest}`, 'pull,push', {}, signal);
      if (response.status === 200) return true;
      if (response.status === 404) return false;
      throw await this.#refusal(response, `looking for blob ${digest} in ${this.#options.name}`);
    });
  }

  /** Has the registry take over a blob from another of its repositories. False when it would rather be sent it. */
  async mountBlob(digest: Digest, from: string, signal: AbortSignal): Promise<boolean> {
    return await this.#retried(signal, async () => {
      const query = new URLSearchParams({ mount: digest, from });
      const scopes = [...this.#scopes('pull,push'), `repository:${from}:pull`];
      const response = await this.#authorised(this.#request('POST', `blobs/uploads/?${query}`, {}, signal), scopes);
      if (response.status === 201) return true;
      // It has begun an upload, or doesn't let us see the other repository: then the blob is sent as any other is.
      response.discard();
      if (response.status === 202) await this.#abandonUpload(response, signal);
      return false;
    });
  }

  /** See {@link BlobUpload.run}. */
  async uploadBlob(digest: Digest, bytes: BlobBytes, signal: AbortSignal): Promise<void> {
    const { name, clock, mostFailures } = this.#options;
    const target: UploadTarget = {
      host: this.host,
      what: `uploading blob ${digest} to ${name}`,
      url: this.#request('POST', 'blobs/uploads/', {}, signal).url,
      clock,
      ...(mostFailures === undefined ? {} : { mostFailures }),
      send: (request) => this.#authorised(request, this.#scopes('pull,push')),
      refusal: (response, what) => this.#refusal(response, what),
      has: (asked) => this.hasBlob(digest, asked),
    };
    await new BlobUpload(target, digest, bytes).run(signal);
  }

  /** The registry's own digest of it is compared. */
  async putManifest(reference: string, mediaType: string, bytes: Buffer, signal: AbortSignal): Promise<void> {
    const what = `uploading manifest ${reference} of ${this.#options.name}`;
    await this.#retried(signal, async () => {
      const headers = { 'content-type': mediaType };
      const request = {
        ...this.#request('PUT', `manifests/${reference}`, headers, signal),
        body: bytesBody(bytes, 'anybody'),
      };
      const response = await this.#authorised(request, this.#scopes('pull,push'));
      if (response.status !== 201 && response.status !== 200) throw await this.#refusal(response, what);
      response.discard();
      const told = response.headers['docker-content-digest'];
      if (typeof told !== 'string' || told === digestOf(bytes)) return;
      throw new GantryError('CORRUPT', `${what}: ${this.host} has it as ${told} instead of ${digestOf(bytes)}`);
    });
  }

  /** All of the repository, in the registry's order. */
  async tags(signal: AbortSignal): Promise<readonly string[]> {
    const what = `tags of ${this.#options.name}`;
    const tags: string[] = [];
    let path: string | undefined = 'tags/list?n=1000';
    for (let page = 0; path !== undefined && page < MAX_TAG_PAGES; page++) {
      const current: string = path;
      const response = await this.#retried(signal, async () => {
        const answer = await this.#send('GET', current, 'pull', {}, signal);
        if (answer.status !== 200) throw await this.#refusal(answer, what);
        return answer;
      });
      const document = asObject(parseJson(await readBounded(response, MAX_MANIFEST_BYTES, what), what), what);
      for (const tag of optional(document.tags, what, asArray) ?? []) tags.push(asTag(tag, what));
      if (tags.length > MAX_TAGS) throw new GantryError('INVALID_ARGUMENT', `${what}: there are more than ${MAX_TAGS}`);
      path = this.#nextPage(response);
      if (path === current) throw new GantryError('INVALID_ARGUMENT', `${what}: ${this.host} leads in circles`);
    }
    return tags;
  }

  /** Of the header Link (RFC 8288); it must stay within this repository. */
  #nextPage({ headers }: HttpResponse): string | undefined {
    const link = /<([^>]*)>\s*;\s*rel="?next"?/.exec(String(headers.link ?? ''))?.[1];
    if (link === undefined || !URL.canParse(link, this.#options.base)) return undefined;
    return `tags/list${new URL(link, this.#options.base).search}`;
  }

  async #abandonUpload(response: HttpResponse, signal: AbortSignal): Promise<void> {
    const url = uploadLocation(response, { host: this.host, what: 'an upload' });
    const request: HttpRequest = { method: 'DELETE', url, headers: {}, signal };
    // Registries clear what is left, and some don't know the method: nothing depends on it.
    (await this.#authorised(request, this.#scopes('pull,push'))).discard();
  }

  async #retried<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { clock, mostFailures } = this.#options;
    return await withRetries(work, { clock, signal, ...(mostFailures === undefined ? {} : { mostFailures }) });
  }

  async #send(
    method: HttpRequest['method'],
    path: string,
    access: Access,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    return await this.#authorised(this.#request(method, path, headers, signal), this.#scopes(access));
  }

  #request(
    method: HttpRequest['method'],
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): HttpRequest {
    const url = new URL(`${this.#options.path}/${path}`, this.#options.base);
    if (this.#options.namespace !== undefined) url.searchParams.set('ns', this.#options.namespace);
    return { method, url, headers, signal };
  }

  #scopes(access: Access): readonly string[] {
    return [`repository:${this.#options.path}:${access}`];
  }

  /** Once more with what a 401 asks for: at first nobody knows, and tokens expire. */
  async #authorised(request: HttpRequest, scopes: readonly string[]): Promise<HttpResponse> {
    const { authoriser, transport } = this.#options;
    const send = async () => {
      const authorization = await authoriser.header(scopes, request.signal);
      // An upload may lead to another host, whose URL is secret enough.
      const isOwn = request.url.origin === new URL(this.#options.base).origin;
      const headers = authorization === undefined || !isOwn ? request.headers : { ...request.headers, authorization };
      return await transport.send({ ...request, headers });
    };
    const response = await send();
    if (response.status !== 401 || !authoriser.learn(response)) return response;
    response.discard();
    return await send();
  }

  async #refusal(response: HttpResponse, what: string): Promise<RegistryRefusal> {
    const body = await readStart(response, MAX_ERROR_BYTES);
    return new RegistryRefusal(what, readRefusal(response.status, response.headers, body, this.#options.clock.now()));
  }
}

/** What is none would be another path at the registry, and a name here that nobody could write. */
function asTag(value: unknown, where: string): string {
  const tag = asString(value, where);
  if (isTag(tag)) return tag;
  throw new GantryError('INVALID_ARGUMENT', `${where}: "${printable(tag)}" is no tag`);
}
