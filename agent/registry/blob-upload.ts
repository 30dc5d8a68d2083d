/**
 * One blob on its way into a registry: in one piece, since every registry takes that. When the connection breaks the
 * registry is asked how much has come, and gets the rest; where pieces must be smaller, it gets chunks. OCI distribution
 * specification 1.1, "Pushing a blob monolithically" and "in chunks".
 */
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import type { HttpRequest, HttpResponse, RequestBody } from './http-transport.ts';
import { printable, RegistryRefusal } from './refusal.ts';
import { type RetryClock, withRetries } from './retry.ts';

export interface BlobBytes {
  readonly length: number;
  /** Up to and without `end`. */
  readonly open: (start: number, end: number) => AsyncIterable<Uint8Array>;
}

/** What an upload asks of its repository. */
export interface UploadTarget {
  readonly host: string;
  /** "uploading blob X to Y", for messages. */
  readonly what: string;
  /** Where uploads begin. */
  readonly url: URL;
  readonly clock: RetryClock;
  readonly mostFailures?: number;
  send(request: HttpRequest): Promise<HttpResponse>;
  refusal(response: HttpResponse, what: string): Promise<RegistryRefusal>;
  /** Whether the blob is there. */
  has(signal: AbortSignal): Promise<boolean>;
}

/** Where the registry wants the next bytes, and from which on. */
interface Session {
  readonly url: URL;
  readonly offset: number;
}

const FIRST_CHUNK_BYTES = 64 << 20;
const LEAST_CHUNK_BYTES = 1 << 20;
const TYPE = { 'content-type': 'application/octet-stream' } as const;
const NOTHING = { 'content-length': '0' } as const;

export class BlobUpload {
  readonly #target: UploadTarget;
  readonly #digest: Digest;
  readonly #bytes: BlobBytes;
  #session: Session | undefined;
  /** Undefined: the registry takes pieces of any size. */
  #chunkBytes: number | undefined;
  /** Smaller ones it doesn't want, but for the last. */
  #leastChunkBytes = LEAST_CHUNK_BYTES;
  #mayResume: boolean = true;
  #counted = 0;

  constructor(target: UploadTarget, digest: Digest, bytes: BlobBytes) {
    this.#target = target;
    this.#digest = digest;
    this.#bytes = bytes;
  }

  /** Until the registry has it. Throws what it refuses, UNAVAILABLE, CANCELLED. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, mostFailures } = this.#target;
    await withRetries(() => this.#attempt(signal), {
      ...{ clock, signal, progressed: () => this.#takeProgress() },
      ...(mostFailures === undefined ? {} : { mostFailures }),
    });
  }

  /** More has come than was known of before. */
  #takeProgress(): boolean {
    const offset = this.#session?.offset ?? 0;
    const isMore = offset > this.#counted;
    this.#counted = Math.max(this.#counted, offset);
    return isMore;
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const session = await this.#continueOrBegin(signal);
    if (session === undefined) return;
    try {
      if (session.offset === 0 && this.#chunkBytes === undefined) await this.#finish(session, 0, signal);
      else await this.#finish(await this.#sendChunks(session, signal), this.#bytes.length, signal);
    } catch (error) {
      await this.#reconsider(error, session, signal);
    }
  }

  /** Undefined: the registry has it, and only its answer was lost. */
  async #continueOrBegin(signal: AbortSignal): Promise<Session | undefined> {
    const before = this.#session;
    if (before === undefined) return await this.#begin(signal);
    const response = await this.#target.send({ method: 'GET', url: before.url, headers: {}, signal });
    response.discard();
    const known = response.status === 204 || response.status === 202 ? this.#take(response, before.url) : undefined;
    // Of one byte it says the same as of none.
    if (known !== undefined) return known.offset > 0 ? known : await this.#begin(signal);
    if (response.status >= 500) throw await this.#target.refusal(response, this.#target.what);
    // It has forgotten it, because it was complete, or doesn't know how to go on.
    if (await this.#target.has(signal)) return undefined;
    return await this.#begin(signal);
  }

  async #begin(signal: AbortSignal): Promise<Session> {
    const { url, what } = this.#target;
    const response = await this.#target.send({ method: 'POST', url, headers: NOTHING, signal });
    if (response.status !== 202) throw await this.#target.refusal(response, what);
    response.discard();
    const least = Number(response.headers['oci-chunk-min-length'] ?? 0);
    this.#leastChunkBytes = Math.max(LEAST_CHUNK_BYTES, Number.isSafeInteger(least) ? least : 0);
    this.#session = { url: uploadLocation(response, this.#target), offset: 0 };
    return this.#session;
  }

  /** Chunk by chunk to the end. */
  async #sendChunks(from: Session, signal: AbortSignal): Promise<Session> {
    const { length } = this.#bytes;
    let session = from;
    while (session.offset < length) {
      const { url, offset } = session;
      const end = Math.min(length, offset + Math.max(this.#chunkBytes ?? length, this.#leastChunkBytes));
      const headers = { ...TYPE, 'content-range': `${offset}-${end - 1}` };
      const response = await this.#target.send({
        method: 'PATCH',
        url,
        headers,
        body: this.#body(offset, end),
        signal,
      });
      if (response.status !== 202) throw await this.#target.refusal(response, this.#target.what);
      response.discard();
      session = this.#take(response, url);
      if (session.offset > offset) continue;
      throw new GantryError('UNAVAILABLE', `${this.#target.what}: ${this.#target.host} has kept nothing of a chunk`);
    }
    return session;
  }

  /** With the bytes from `start` on. */
  async #finish({ url: place }: Session, start: number, signal: AbortSignal): Promise<void> {
    const url = new URL(place);
    url.searchParams.set('digest', this.#digest);
    const isEmpty = start === this.#bytes.length;
    const sent = isEmpty ? {} : { body: this.#body(start, this.#bytes.length) };
    const headers = isEmpty ? { ...TYPE, ...NOTHING } : TYPE;
    const response = await this.#target.send({ method: 'PUT', url, headers, ...sent, signal });
    if (response.status !== 201) throw await this.#target.refusal(response, this.#target.what);
    response.discard();
  }

  /** What can be done otherwise is: throws a temporary error then, and otherwise what was thrown. */
  async #reconsider(thrown: unknown, { offset }: Session, signal: AbortSignal): Promise<never> {
    const error = toGantryError(thrown);
    if (signal.aborted || !(error instanceof RegistryRefusal)) {
      if (!this.#mayResume) this.#session = undefined;
      throw error;
    }
    // A registry that has refused something has dropped it, or won't take it in another way either.
    this.#session = undefined;
    if (error.status === 413) {
      this.#chunkBytes = this.#smallerChunk(error);
      throw new GantryError('UNAVAILABLE', `${error.message}: sending smaller pieces`, { cause: error });
    }
    if (offset === 0 || !this.#mayResume || error.temporary) throw error;
    this.#mayResume = false;
    throw new GantryError('UNAVAILABLE', `${error.message}: beginning anew`, { cause: error });
  }

  #smallerChunk(refusal: RegistryRefusal): number {
    const before = Math.min(this.#bytes.length, this.#chunkBytes ?? FIRST_CHUNK_BYTES * 2);
    const next = Math.max(this.#leastChunkBytes, Math.ceil(before / 2));
    if (next >= before) throw refusal;
    return next;
  }

  #take(response: HttpResponse, before: URL): Session {
    const url = response.headers.location === undefined ? before : uploadLocation(response, this.#target);
    this.#session = { url, offset: received(response.headers.range) };
    return this.#session;
  }

  #body(start: number, end: number): RequestBody {
    return { length: end - start, audience: 'anybody', open: () => this.#bytes.open(start, end) };
  }
}

/** Where an upload goes on. */
export function uploadLocation(response: HttpResponse, { host, what }: Pick<UploadTarget, 'host' | 'what'>): URL {
  const { location } = response.headers;
  if (location === undefined || !URL.canParse(location, response.url.href)) {
    throw new GantryError('INVALID_ARGUMENT', `${what}: ${host} does not say where to`);
  }
  const url = new URL(location, response.url);
  if (url.protocol === 'https:' || url.protocol === response.url.protocol) return url;
  const place = `to ${printable(url.origin)} by ${printable(url.protocol)}`;
  throw new GantryError('HOST', `${what}: ${host} wants it sent ${place}`, {
    hint: 'this is a fault of the registry, or of a proxy before it: ask its owner',
  });
}

/** Of the header Range, "0-1023". One byte and none are both "0-0": then nothing is counted as come. */
function received(range: string | undefined): number {
  const last = Number(/^(?:bytes=)?0-(\d{1,15})$/.exec(range ?? '')?.[1] ?? 0);
  return last === 0 ? 0 : last + 1;
}
