/** The OCI distribution specification 1.1 over the repositories of this host. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Digest } from '../../proto/ids.ts';
import type { ContentStore } from '../image/content-store.ts';
import { OCI_INDEX } from '../image/manifest.ts';
import { MAX_MANIFEST_BYTES } from '../registry/repository.ts';
import { pathOf, queryOf, sendBlob, sendManifest } from './answers.ts';
import { type HostedRepositories, unknownBlob } from './hosted-repositories.ts';
import { type OwnHosts, pushedHost } from './own-hosts.ts';
import { pageOf, readPage } from './page.ts';
import { chunkRange, receivedRange } from './range.ts';
import { RegistryError } from './registry-error.ts';
import { parseRoute, type Route, repositoryName, requireDigest } from './route.ts';
import type { Upload } from './upload.ts';
import type { Uploads } from './uploads.ts';

export interface HostedParts {
  readonly content: ContentStore;
  readonly repositories: HostedRepositories;
  readonly uploads: Uploads;
  readonly hosts: OwnHosts;
  readonly now: () => number;
}

type Of<Kind extends Route['kind']> = Extract<Route, { kind: Kind }>;

export class HostedHandler {
  readonly #parts: HostedParts;

  constructor(parts: HostedParts) {
    this.#parts = parts;
  }

  /** Whoever asks may use the registry. Throws RegistryErrors. */
  async handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const route = parseRoute(pathOf(request));
    switch (route.kind) {
      case 'root':
        allow(request, ['GET', 'HEAD']);
        return reply.send({});
      case 'catalog':
        return this.#catalog(request, reply);
      case 'tags':
        return this.#tags(route, request, reply);
      case 'referrers':
        return this.#referrers(route, request, reply);
      case 'manifest':
        return await this.#manifest(route, request, reply);
      case 'blob':
        return await this.#blob(route, request, reply);
      case 'uploads':
        return await this.#beginUpload(route, request, reply);
      case 'upload':
        return await this.#upload(route, request, reply);
    }
  }

  #catalog(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    allow(request, ['GET']);
    const { names, next } = pageOf(this.#parts.repositories.names(), readPage(queryOf(request)));
    if (next !== undefined) reply.header('link', `</v2/_catalog?${next}>; rel="next"`);
    return reply.send({ repositories: names });
  }

  #tags({ repository }: Of<'tags'>, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    allow(request, ['GET']);
    const { names, next } = pageOf(this.#parts.repositories.tags(repository), readPage(queryOf(request)));
    if (next !== undefined) reply.header('link', `</v2/${repository}/tags/list?${next}>; rel="next"`);
    return reply.send({ name: repository, tags: names });
  }

  #referrers({ repository, digest }: Of<'referrers'>, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    allow(request, ['GET']);
    const type = queryOf(request).get('artifactType');
    if (type !== null) reply.header('oci-filters-applied', 'artifactType');
    const manifests = this.#parts.repositories.referrers(repository, digest, type);
    reply.header('content-type', OCI_INDEX);
    // As bytes: a text would be said to be in UTF-8, which is no part of the type.
    return reply.send(Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })));
  }

  async #manifest(route: Of<'manifest'>, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { repositories } = this.#parts;
    const { repository, reference } = route;
    const method = allow(request, ['GET', 'HEAD', 'PUT', 'DELETE']);
    if (method === 'DELETE') {
      await repositories.deleteManifest(repository, reference);
      return reply.code(202).send();
    }
    if (method !== 'PUT') return sendManifest(request, reply, await repositories.manifest(repository, reference));
    const host = this.#host(request);
    const contentType = (request.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
    const push = { host, repository, reference, contentType, bytes: await readManifestBody(request) };
    const { digest, subject } = await repositories.putManifest(push);
    if (subject !== undefined) reply.header('oci-subject', subject);
    reply.headers({ location: `/v2/${repository}/manifests/${digest}`, 'docker-content-digest': digest });
    return reply.code(201).send();
  }

  async #blob({ repository, digest }: Of<'blob'>, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { repositories, content } = this.#parts;
    const method = allow(request, ['GET', 'HEAD', 'DELETE']);
    if (method === 'DELETE') {
      repositories.deleteBlob(repository, digest);
      return reply.code(202).send();
    }
    const isThere =
      method === 'HEAD' ? repositories.keepBlob(repository, digest) : repositories.hasBlob(repository, digest);
    if (!isThere) throw unknownBlob(repository, digest);
    return await sendBlob(request, reply, content, digest);
  }

  /** Monolithic with `digest`, from another repository with `mount`; otherwise chunks follow. */
  async #beginUpload(
    { repository }: Of<'uploads'>,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { repositories, uploads } = this.#parts;
    allow(request, ['POST']);
    // Before all of it has come.
    this.#host(request);
    const query = queryOf(request);
    const [mount, from, digest] = [query.get('mount'), query.get('from'), query.get('digest')];
    if (mount !== null && from !== null) {
      const blob = requireDigest(mount);
      if (repositories.mountBlob(repository, blob, repositoryName(from))) return created(reply, repository, blob);
    }
    const wanted = digest === null ? undefined : requireDigest(digest);
    const upload = await uploads.begin(repository);
    if (wanted === undefined) return accepted(reply, upload);
    try {
      return await this.#finish(upload, wanted, request, reply);
    } finally {
      // Nobody has been told of it who could go on with it.
      await uploads.end(upload);
    }
  }

  async #upload({ repository, id }: Of<'upload'>, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { uploads, now } = this.#parts;
    const method = allow(request, ['GET', 'PATCH', 'PUT', 'DELETE']);
    const upload = await uploads.find(repository, id);
    if (method === 'DELETE') {
      await uploads.end(upload);
      return reply.code(204).send();
    }
    if (method === 'GET') return uploadState(reply.code(204), upload).send();
    if (method === 'PUT') {
      const digest = requireDigest(queryOf(request).get('digest') ?? '');
      return await this.#finish(upload, digest, request, reply);
    }
    await upload.append(bodyOf(request), chunkRange(request.headers['content-range']), now);
    return accepted(reply, upload);
  }

  /** With the last bytes, if any; what doesn't become the blob is dropped. */
  async #finish(upload: Upload, digest: Digest, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { uploads, repositories, now } = this.#parts;
    await upload.append(bodyOf(request), chunkRange(request.headers['content-range']), now);
    try {
      await repositories.takeUpload(upload, digest);
    } finally {
      await uploads.end(upload);
    }
    return created(reply, upload.repository, digest);
  }

  #host(request: FastifyRequest): string {
    return pushedHost(request.headers.host, request.socket.localAddress ?? '', this.#parts.hosts);
  }
}

function allow<Method extends string>(request: FastifyRequest, methods: readonly Method[]): Method {
  const method = methods.find((known) => known === request.method);
  if (method !== undefined) return method;
  throw new RegistryError('UNSUPPORTED', `${request.method} isn't possible here`, {
    headers: { allow: methods.join(', ') },
  });
}

function created(reply: FastifyReply, repository: string, digest: Digest): FastifyReply {
  reply.headers({ location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest });
  return reply.code(201).send();
}

function accepted(reply: FastifyReply, upload: Upload): FastifyReply {
  return uploadState(reply.code(202), upload).send();
}

function uploadState(reply: FastifyReply, { id, repository, size }: Upload): FastifyReply {
  return reply.headers({
    location: `/v2/${repository}/blobs/uploads/${id}`,
    range: receivedRange(size),
    'docker-upload-uuid': id,
  });
}

/** Not to be destroyed when it isn't read to its end: the answer would be lost. */
function bodyOf(request: FastifyRequest): AsyncIterable<Buffer> {
  return request.raw.iterator({ destroyOnReturn: false });
}

async function readManifestBody(request: FastifyRequest): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bodyOf(request)) {
    size += chunk.length;
    if (size > MAX_MANIFEST_BYTES) break;
    chunks.push(chunk);
  }
  if (size <= MAX_MANIFEST_BYTES) return Buffer.concat(chunks);
  throw new RegistryError('MANIFEST_INVALID', `manifests may have ${MAX_MANIFEST_BYTES >> 20} MiB`, { status: 413 });
}
