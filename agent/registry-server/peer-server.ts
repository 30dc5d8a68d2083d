/**
 * This host's images for the other nodes of its cluster: manifests and blobs, for reading, over mutual TLS with the
 * cluster's certificates. On the port after the managers'.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { listenAddress } from '../../proto/address.ts';
import { toGantryError } from '../../proto/errors.ts';
import type { Digest } from '../../proto/ids.ts';
import { imagePort } from '../../proto/image-port.ts';
import { type NodeIdentity, nodeTlsOptions, ownPeer, type Peer, peerIn } from '../../proto/tls.ts';
import type { ImageStore } from '../image/image-store.ts';
import { MAX_DOCUMENT_BYTES, manifestMediaType } from '../image/manifest.ts';
import { pathOf, queryOf, sendBlob, sendManifest } from './answers.ts';
import { type FoundManifest, unknownBlob, unknownManifest } from './hosted-repositories.ts';
import { Members } from './members.ts';
import { RegistryError } from './registry-error.ts';
import { type ManifestReference, parseRoute } from './route.ts';
import { showCertificate } from './show-certificate.ts';

export interface PeerServerParts {
  readonly images: ImageStore;
  /** What is on its way here. */
  readonly arrivals: Arrivals;
  readonly logger: Logger;
}

export interface Arrivals {
  /** The blob will be here soon. */
  isArriving(digest: Digest): boolean;
  /** Some image is being brought, whose blobs may not be known yet. */
  readonly isBusy: boolean;
}

/** A node as other nodes see it. */
export interface ServingNode {
  /** IP:PORT */
  readonly advertiseAddr: string;
  /** What it shows others now; undefined while it has no certificate yet. */
  identity(): NodeIdentity | undefined;
  /** What managers say: whether that node is in the cluster. Rejects where they can't be asked. */
  isMember(nodeId: string): Promise<boolean>;
}

/** How often the node's certificate is looked at: it is renewed now and then. */
const LOOK_MS = 10_000;
/** Until there is one, and where the port can't be had yet. */
const RETRY_MS = 500;
const RETRY_AFTER_S = '1';

/** Until `signal` aborts. Never rejects: a node whose images can't be had by others runs its tasks all the same. */
export async function servePeers(parts: PeerServerParts, node: ServingNode, signal: AbortSignal): Promise<void> {
  const logger = parts.logger.child({ component: 'images for peers' });
  let server: FastifyInstance | undefined;
  let shown: NodeIdentity | undefined;
  let failure = '';
  while (!signal.aborted) {
    try {
      const identity = node.identity();
      if (identity !== undefined && server === undefined) server = await open(parts, node, identity, logger);
      else if (identity !== undefined && server !== undefined && !isSame(identity, shown))
        showCertificate(server, nodeTlsOptions(identity));
      shown = identity;
      failure = '';
    } catch (error) {
      const { message } = toGantryError(error);
      // Said once, not twice a second.
      if (message !== failure) logger.warn({ err: error }, 'other nodes cannot have images of this one');
      failure = message;
    }
    await pause(server === undefined ? RETRY_MS : LOOK_MS, signal);
  }
  await server?.close();
}

async function open(
  parts: PeerServerParts,
  node: ServingNode,
  identity: NodeIdentity,
  logger: Logger,
): Promise<FastifyInstance> {
  const { newRegistryServer } = await import('./new-server.ts');
  const { clusterId } = ownPeer(identity);
  const members = new Members((nodeId) => node.isMember(nodeId), Date.now, logger);
  const server = newRegistryServer({
    tls: { ...nodeTlsOptions(identity), requestCert: true, rejectUnauthorized: true },
    handle: async (request, reply) => {
      const { nodeId } = requirePeer(request, clusterId);
      if (!(await members.has(nodeId)))
        throw new RegistryError('DENIED', 'this node has been removed from the cluster');
      return await answer(parts, request, reply);
    },
    onFailure: (error, { url }) => logger.error({ err: error, url }, 'an image could not be served'),
  });
  const { host, port } = listenAddress(node.advertiseAddr);
  try {
    await server.listen({ host, port: imagePort(port) });
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

function isSame(a: NodeIdentity, b: NodeIdentity | undefined): boolean {
  return a.certPem === b?.certPem && a.caPem === b.caPem;
}

/** TLS has let in whoever has a certificate of the authority: clients from afar have, too. */
function requirePeer({ raw: { socket } }: FastifyRequest, clusterId: string): Peer {
  const certificate = socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate() : undefined;
  const peer = certificate === undefined ? undefined : peerIn(certificate);
  if (peer?.clusterId === clusterId) return peer;
  throw new RegistryError('DENIED', 'images are for nodes of this cluster alone');
}

async function answer(parts: PeerServerParts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const route = parseRoute(pathOf(request));
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw new RegistryError('UNSUPPORTED', 'nodes may only read', { headers: { allow: 'GET, HEAD' } });
  }
  if (route.kind === 'root') return reply.send({});
  if (route.kind === 'manifest') {
    const domain = queryOf(request).get('ns') ?? '';
    const manifest = await findManifest(parts.images, domain, route.repository, route.reference);
    return sendManifest(request, reply, manifest);
  }
  if (route.kind !== 'blob') throw new RegistryError('UNSUPPORTED', 'nodes have manifests and blobs for each other');
  const { images, arrivals } = parts;
  const { repository, digest } = route;
  if (images.content.has(digest)) return await sendBlob(request, reply, images.content, digest);
  const unknown = unknownBlob(repository, digest);
  if (!arrivals.isArriving(digest) && !arrivals.isBusy) throw unknown;
  throw new RegistryError('BLOB_UNKNOWN', unknown.message, {
    status: arrivals.isArriving(digest) ? 503 : 404,
    headers: { 'retry-after': RETRY_AFTER_S },
  });
}

/** A tag stands for what a registry has under it, where the image came from one. */
async function findManifest(
  images: ImageStore,
  domain: string,
  repository: string,
  reference: ManifestReference,
): Promise<FoundManifest> {
  const named = reference.kind === 'tag' ? images.named(`${domain}/${repository}:${reference.tag}`) : undefined;
  const digest = reference.kind === 'digest' ? reference.digest : named?.target;
  if (digest === undefined || !isOfImage(images, digest) || !images.content.has(digest)) {
    throw unknownManifest(repository, reference);
  }
  const bytes = await images.content.read(digest, MAX_DOCUMENT_BYTES);
  return { digest, bytes, mediaType: manifestMediaType(bytes) };
}

function isOfImage(images: ImageStore, digest: Digest): boolean {
  if (images.byManifest(digest) !== undefined) return true;
  return [...images.names().values()].some(({ target }) => target === digest);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
