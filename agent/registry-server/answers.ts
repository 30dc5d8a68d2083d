/** Answers that this host's registry and its service for other nodes have in common. */
import { type FileHandle, open } from 'node:fs/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Digest } from '../../proto/ids.ts';
import type { ContentStore } from '../image/content-store.ts';
import type { FoundManifest } from './hosted-repositories.ts';
import { requestedRange } from './range.ts';
import { RegistryError } from './registry-error.ts';

/** What Docker's clients know a registry by. */
export const VERSION_HEADER = { 'docker-distribution-api-version': 'registry/2.0' } as const;

export function sendManifest(request: FastifyRequest, reply: FastifyReply, manifest: FoundManifest): FastifyReply {
  reply.headers({
    'content-type': manifest.mediaType,
    'content-length': String(manifest.bytes.length),
    'docker-content-digest': manifest.digest,
    etag: `"${manifest.digest}"`,
  });
  return reply.send(request.method === 'HEAD' ? undefined : manifest.bytes);
}

/** As a stream, or a range of it. Throws BLOB_UNKNOWN, and status 416. */
export async function sendBlob(
  request: FastifyRequest,
  reply: FastifyReply,
  content: ContentStore,
  digest: Digest,
): Promise<FastifyReply> {
  const file = await openBlob(content.path(digest), digest);
  try {
    const { size } = await file.stat();
    const range = requestedRange(request.headers.range, size);
    const { start, end } = range ?? { start: 0, end: size - 1 };
    reply.code(range === undefined ? 200 : 206).headers({
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
      'content-length': String(end - start + 1),
      'docker-content-digest': digest,
      etag: `"${digest}"`,
      ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${size}` }),
    });
    if (request.method === 'HEAD' || size === 0) {
      await file.close();
      return reply.send();
    }
    // Opened before it may be collected; the stream closes it, also when the client goes away.
    return reply.send(file.createReadStream({ start, end, highWaterMark: 1 << 18 }));
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openBlob(path: string, digest: Digest): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    throw new RegistryError('BLOB_UNKNOWN', `there is no blob ${digest}`, { cause: error });
  }
}

/** Of a request; the answer to HEAD has no body. */
export function sendError(request: FastifyRequest, reply: FastifyReply, error: RegistryError): FastifyReply {
  reply.code(error.status).headers({ 'content-type': 'application/json', ...error.headers });
  return reply.send(request.method === 'HEAD' ? undefined : Buffer.from(error.toJson()));
}

export function pathOf(request: FastifyRequest): string {
  return (request.raw.url ?? '/').split('?')[0] ?? '/';
}

export function queryOf(request: FastifyRequest): URLSearchParams {
  return new URLSearchParams((request.raw.url ?? '').split('?')[1] ?? '');
}
