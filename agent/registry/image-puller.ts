/**
 * Images from registries, and from other nodes, into the image store. Layers are unpacked as they arrive; an image appears, with its names,
 * when all of it is there. What a pull that failed or was killed has brought is garbage, and collected.
 */
import type { Logger } from 'pino';
import { GantryError, isDiskFull, toGantryError } from '../../proto/errors.ts';
import { type RegistryCredentials, TransferPhase } from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest } from '../../proto/ids.ts';
import { canonicalName, familiarName, familiarRepository, type Reference } from '../../proto/image-reference.ts';
import { parseImageDocument } from '../image/image-config.ts';
import type { ImageRecord } from '../image/image-index.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { Lease } from '../image/lease.ts';
import { type Descriptor, MAX_DOCUMENT_BYTES } from '../image/manifest.ts';
import { fits, type Platform, platformName } from '../platform/platform.ts';
import { type BlobDownload, BlobDownloads } from './blob-downloads.ts';
import type { ImageOrder } from './image-source.ts';
import { checkAgreement, type ImageSources, inTurn } from './image-sources.ts';
import type { PeerImages, Peers } from './peer-images.ts';
import { pullFailure } from './pull-failure.ts';
import type { RegistryConnector } from './registry-connector.ts';
import { findRemoteImage, type RemoteImage } from './remote-image.ts';
import type { RetryClock } from './retry.ts';
import { LayerProgress, type TransferListener } from './transfer-progress.ts';

export interface PullOptions {
  /** With a tag or a digest. */
  readonly reference: Reference;
  /** Undefined for the host's own, or whatever an image without an index is for. */
  readonly platform: Platform | undefined;
  readonly credentials: RegistryCredentials | undefined;
  /** `taken`: one that stands for something else here is left to it, and the image is named by its digest alone. */
  readonly tags: 'given' | 'unless taken';
  /** Who is asked first what a tag stands for: the registry knows what is newest. A digest is the same everywhere. */
  readonly order: ImageOrder;
}

interface Pull extends PullOptions {
  /** Keeps what comes until it has a name. */
  readonly lease: Lease;
}

export interface PulledImage {
  readonly imageId: Digest;
  readonly manifest: Digest;
  /** What the registry has under the name: a manifest, or an index. */
  readonly digest: Digest;
  /** The name stood for something else before, or for nothing. */
  readonly isNew: boolean;
}

export interface PullerParts {
  readonly images: ImageStore;
  readonly connector: RegistryConnector;
  readonly peers: PeerImages;
  readonly clock: RetryClock;
  readonly logger: Logger;
}

export class ImagePuller {
  readonly #parts: PullerParts;
  readonly #downloads: BlobDownloads;
  #pulls = 0;

  constructor(parts: PullerParts) {
    this.#parts = parts;
    this.#downloads = new BlobDownloads({ clock: parts.clock });
  }

  /** Some image is being brought. */
  get isBusy(): boolean {
    return this.#pulls > 0;
  }

  /** See {@link BlobDownloads.isArriving}. */
  isArriving(digest: Digest): boolean {
    return this.#downloads.isArriving(digest);
  }

  /** Throws IMAGE_NOT_FOUND, PERMISSION_DENIED, UNSUPPORTED, CORRUPT, UNAVAILABLE, CANCELLED, naming image and layer. */
  async pull(options: PullOptions, listener: TransferListener, signal: AbortSignal): Promise<PulledImage> {
    using lease = this.#parts.images.garbage.lease();
    this.#pulls++;
    try {
      return await this.#pullFromAny({ ...options, lease }, listener, signal);
    } finally {
      this.#pulls--;
    }
  }

  /** The others are asked when the first can't help; then it is the registry's refusal that counts. */
  async #pullFromAny(options: Pull, listener: TransferListener, signal: AbortSignal): Promise<PulledImage> {
    using peers = await this.#parts.peers.find(options.reference);
    const fromRegistry = () => this.#pullFromRegistry(peers, options, listener, signal);
    if (peers.complete.length === 0) return await fromRegistry();
    const fromCluster = () => this.#pullFromCluster(peers, options, listener, signal);
    const isClusterFirst = options.order === 'cluster first' || options.reference.digest !== undefined;
    const [first, second] = isClusterFirst ? [fromCluster, fromRegistry] : [fromRegistry, fromCluster];
    let failure: GantryError;
    try {
      return await first();
    } catch (error) {
      failure = toGantryError(error);
      if (signal.aborted || isDiskFull(failure)) throw failure;
      this.#parts.logger.info({ err: failure, image: familiarName(options.reference) }, 'trying elsewhere');
    }
    try {
      return await second();
    } catch (error) {
      if (signal.aborted) throw error;
      const [registry, cluster] = isClusterFirst ? [toGantryError(error), failure] : [failure, toGantryError(error)];
      const hint = `nor is it to be had from other nodes: ${cluster.message}`;
      throw new GantryError(registry.code, registry.message, { hint, cause: registry });
    }
  }

  /** Mirrors first; what one of them has brought, the next needn't. */
  async #pullFromRegistry(
    peers: Peers,
    options: Pull,
    listener: TransferListener,
    signal: AbortSignal,
  ): Promise<PulledImage> {
    const { connector, logger } = this.#parts;
    const { reference, credentials } = options;
    const image = familiarName(reference);
    for (const endpoint of connector.endpoints(reference.domain)) {
      try {
        const named = { path: reference.path, name: familiarRepository(reference) };
        using repository = await connector.connect(endpoint, named, credentials, signal);
        const blobs = (digest: Digest) => [...inTurn(peers.complete, digest), ...peers.bringing, repository];
        const source = `${repository.host}/${reference.path}`;
        return await this.#pullFrom({ manifests: repository, blobs, source }, options, listener, signal);
      } catch (error) {
        if (signal.aborted) throw new GantryError('CANCELLED', `pulling ${image} was cancelled`, { cause: error });
        if (endpoint.role === 'origin' || isDiskFull(error)) throw pullFailure(error, reference);
        logger.warn({ err: error, image, mirror: endpoint.host }, 'a mirror failed; trying the next registry');
      }
    }
    throw new GantryError('INTERNAL', `no registry has ${image}`);
  }

  /** From nodes that have all of it: what one of them doesn't give, another does. */
  async #pullFromCluster(
    { complete }: Peers,
    options: Pull,
    listener: TransferListener,
    signal: AbortSignal,
  ): Promise<PulledImage> {
    const { reference } = options;
    await checkAgreement(complete, reference, signal);
    const source = `nodes/${reference.domain}/${reference.path}`;
    let failure: unknown;
    for (const manifests of complete) {
      try {
        const blobs = (digest: Digest) => inTurn(complete, digest);
        return await this.#pullFrom({ manifests, blobs, source }, options, listener, signal);
      } catch (error) {
        if (signal.aborted) {
          throw new GantryError('CANCELLED', `pulling ${familiarName(reference)} was cancelled`, { cause: error });
        }
        failure = error;
        if (isDiskFull(error)) break;
      }
    }
    throw pullFailure(failure, reference);
  }

  async #pullFrom(
    sources: ImageSources,
    options: Pull,
    listener: TransferListener,
    signal: AbortSignal,
  ): Promise<PulledImage> {
    const { images } = this.#parts;
    const { reference, platform } = options;
    const wanted = platform ?? images.platform;
    const remote = await findRemoteImage(sources.manifests, reference, wanted, signal);
    const { digest } = remote.target;
    const manifest = remote.manifest.digest;
    const names = this.#namesOf(options, digest);
    const isNew = images.named(names[0])?.target !== digest || !images.isNamed(digest, manifest);
    const known = images.byManifest(manifest);
    await options.lease.content.put(remote.target.bytes);
    if (known === undefined) {
      const { id } = await this.#bring(sources, remote, options, listener, signal);
      return { imageId: id, manifest, digest, isNew };
    }
    checkPlatform(known.document, options);
    await images.rename(manifest, digest, names);
    return { imageId: known.id, manifest, digest, isNew };
  }

  async #bring(
    { blobs, source }: ImageSources,
    remote: RemoteImage,
    options: Pull,
    listener: TransferListener,
    signal: AbortSignal,
  ): Promise<ImageRecord> {
    const { images } = this.#parts;
    const { reference, lease } = options;
    const image = familiarName(reference);
    const { config } = remote.parsed;
    if (config.size > MAX_DOCUMENT_BYTES) {
      throw new GantryError(
        'INVALID_ARGUMENT',
        `the config of ${image} is larger than ${MAX_DOCUMENT_BYTES >> 20} MiB`,
      );
    }
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const { content } = lease;
    const download = (descriptor: Descriptor) => ({
      repositories: blobs(descriptor.digest),
      source,
      content,
      descriptor,
    });
    await this.#downloads.fetch(download(config), () => undefined, either);
    const document = await content.read(config.digest, MAX_DOCUMENT_BYTES);
    checkPlatform(parseImageDocument(document, `the config of ${image}`), options);
    await content.put(remote.manifest.bytes);
    const progress = remote.parsed.layers.map((layer) => new LayerProgress(layer, listener, this.#parts.clock.now));
    for (const layer of progress) layer.phase(TransferPhase.WAITING);
    let failure: unknown;
    const arrive = async (descriptor: Descriptor, index: number) => {
      try {
        await this.#arrive(download(descriptor), progress[index], either);
      } catch (error) {
        // The first one is the reason; the others needn't come any more.
        failure ??= inLayer(error, index, descriptor);
        failed.abort();
        throw error;
      }
    };
    const unpacked = (index: number) => progress[index]?.phase(TransferPhase.PULLED);
    const giveUp = (error: unknown) => {
      failure ??= error;
      failed.abort();
    };
    const { manifest, target } = remote;
    try {
      return await images.registrar.register({
        ...{ manifest: manifest.digest, target: target.digest, image },
        names: this.#namesOf(options, target.digest),
        layers: { arrive, unpacked, failed: giveUp, signal: either },
        lease,
      });
    } catch (error) {
      throw failure ?? error;
    }
  }

  /** By its tag, and by its digest, which stays when the tag goes to another image. */
  #namesOf({ reference, tags }: PullOptions, digest: Digest): readonly [string, ...string[]] {
    const byDigest = canonicalName({ ...reference, tag: undefined, digest });
    if (reference.tag === undefined || reference.digest !== undefined) return [byDigest];
    const byTag = canonicalName(reference);
    const target = this.#parts.images.named(byTag)?.target ?? digest;
    return tags === 'unless taken' && target !== digest ? [byDigest] : [byTag, byDigest];
  }

  async #arrive(download: BlobDownload, progress: LayerProgress | undefined, signal: AbortSignal): Promise<void> {
    if (download.content.has(download.descriptor.digest)) {
      progress?.phase(TransferPhase.ALREADY_THERE);
      return;
    }
    await this.#downloads.fetch(
      download,
      (event) => {
        if (event.kind === 'downloading') progress?.bytes(TransferPhase.DOWNLOADING, event.bytes);
        else progress?.phase(TransferPhase.RETRYING, `in ${event.seconds} s: ${event.reason}`);
      },
      signal,
    );
    progress?.phase(TransferPhase.DOWNLOADED);
    progress?.phase(TransferPhase.UNPACKING);
  }
}

/** An image without an index may be for anything: that counts only when somebody has asked. */
function checkPlatform(own: Platform, { platform, reference }: PullOptions): void {
  if (platform === undefined || fits(own, platform)) return;
  const [has, wanted] = [own, platform].map(platformName);
  throw new GantryError(
    'UNSUPPORTED',
    `image ${familiarName(reference)} is for ${has}, not for ${wanted} as was asked`,
  );
}

function inLayer(error: unknown, index: number, { digest }: Descriptor): GantryError {
  const { code, message, hint } = toGantryError(error);
  return new GantryError(code, `layer ${index + 1} (${digest}): ${message}`, { hint, cause: error });
}
