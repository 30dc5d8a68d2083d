/** Images of this host into registries: blobs that the registry hasn't got, then the manifest that makes them an image. */
import { GantryError, toGantryError } from '../../proto/errors.ts';
import { type RegistryCredentials, TransferPhase } from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest } from '../../proto/ids.ts';
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
  type Reference,
} from '../../proto/image-reference.ts';
import type { ImageRecord } from '../image/image-index.ts';
import { findImageFor } from '../image/image-lookup.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { Lease } from '../image/lease.ts';
import { type Descriptor, MAX_DOCUMENT_BYTES, manifestMediaType } from '../image/manifest.ts';
import { findIndex, type PlatformIndex } from '../image/platform-index.ts';
import { type Platform, platformName } from '../platform/platform.ts';
import type { BlobBytes } from './blob-upload.ts';
import { pushFailure } from './pull-failure.ts';
import type { RegistryConnector } from './registry-connector.ts';
import type { Repository } from './repository.ts';
import type { RetryClock } from './retry.ts';
import { Slots } from './slots.ts';
import { LayerProgress, type TransferListener } from './transfer-progress.ts';

export interface PushOptions {
  /** With a tag. */
  readonly reference: Reference;
  /** Of an image for several only what is for this one; undefined: all of it, if all of it is here. */
  readonly platform: Platform | undefined;
  readonly credentials: RegistryCredentials | undefined;
}

export interface PushedImage {
  /** Of the manifest, or of the index. */
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** An index with the images that it lists, or the manifest of one alone. */
type PushedIndex = Pick<PlatformIndex, 'digest' | 'records'>;

export interface PusherParts {
  readonly images: ImageStore;
  readonly connector: RegistryConnector;
  readonly clock: RetryClock;
}

/** Docker's number. */
const AT_ONCE = 5;

export class ImagePusher {
  readonly #parts: PusherParts;
  readonly #slots = new Slots(AT_ONCE);

  constructor(parts: PusherParts) {
    this.#parts = parts;
  }

  /** Throws IMAGE_NOT_FOUND when no image here has the name, PERMISSION_DENIED, UNAVAILABLE, CANCELLED. */
  async push(options: PushOptions, listener: TransferListener, signal: AbortSignal): Promise<PushedImage> {
    const { images } = this.#parts;
    const { reference } = options;
    // What is being read must not be collected when its name goes meanwhile.
    using lease = images.garbage.lease();
    const record = this.#find(options);
    lease.keepImage(record);
    const index = options.platform === undefined ? await this.#index(reference, lease) : undefined;
    const pushed = await this.pushImages(
      index ?? { digest: record.manifestDigest, records: [record] },
      options,
      listener,
      signal,
    );
    await this.#remember(record, pushed.digest, reference);
    return pushed;
  }

  /** The same of what needn't have that name here, nor any; the caller keeps its blobs. */
  async pushImages(
    images: PushedIndex,
    options: Omit<PushOptions, 'platform'>,
    listener: TransferListener,
    signal: AbortSignal,
  ): Promise<PushedImage> {
    const { reference } = options;
    try {
      return await this.#push(images, options, listener, signal);
    } catch (error) {
      if (!signal.aborted) throw pushFailure(error, reference);
      throw new GantryError('CANCELLED', `pushing ${familiarName(reference)} was cancelled`, { cause: error });
    }
  }

  /** Throws UNSUPPORTED for a part that is more than one: which one is meant nobody can know. */
  async #index(reference: Reference, lease: Lease): Promise<PlatformIndex | undefined> {
    const { content, state } = this.#parts.images;
    const index = await findIndex(content, state, canonicalName(reference), lease);
    if (index === undefined || index.isWhole) return index;
    const here = index.records.map(({ document }) => platformName(document)).join(', ');
    const message = `${familiarName(reference)} is here for ${here}, and not for all that its index is for`;
    throw new GantryError('UNSUPPORTED', message, { hint: 'push one of them with --platform' });
  }

  #find({ reference, platform }: PushOptions): ImageRecord {
    const { images } = this.#parts;
    const named = images.named(canonicalName(reference));
    const record = named && images.byManifest(named.manifest);
    if (record !== undefined && platform !== undefined) {
      return findImageFor(images.state, familiarName(reference), platform).record;
    }
    if (record !== undefined) return record;
    throw new GantryError(
      'IMAGE_NOT_FOUND',
      `An image does not exist locally with the tag: ${familiarName(reference)}`,
      {
        hint: '"gantry tag IMAGE NAME" gives an image that name',
      },
    );
  }

  async #push(
    { digest: target, records }: PushedIndex,
    { reference, credentials }: Omit<PushOptions, 'platform'>,
    listener: TransferListener,
    signal: AbortSignal,
  ): Promise<PushedImage> {
    const { images, connector, clock } = this.#parts;
    const endpoint = connector.endpoints(reference.domain).find(({ role }) => role === 'origin');
    if (endpoint === undefined) throw new GantryError('INTERNAL', `${reference.domain} has no endpoint`);
    const name = familiarRepository(reference);
    using repository = await connector.connect(endpoint, { path: reference.path, name }, credentials, signal);
    const layers = records.flatMap(({ manifest }) => manifest.layers);
    const unique = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const pushes = unique.map(async (layer) => {
      const progress = new LayerProgress(layer, listener, clock.now);
      progress.phase(TransferPhase.WAITING);
      await this.#slots.use(() => this.#pushLayer(repository, layer, reference, progress, either), either);
    });
    await allOrFirstFailure(pushes, () => failed.abort());
    const put = async (digest: Digest, name: string): Promise<number> => {
      const bytes = await images.content.read(digest, MAX_DOCUMENT_BYTES);
      await repository.putManifest(name, manifestMediaType(bytes), bytes, signal);
      return bytes.length;
    };
    for (const { manifest, manifestDigest } of records) {
      const { config } = manifest;
      if (!(await repository.hasBlob(config.digest, signal))) {
        await repository.uploadBlob(config.digest, this.#bytes(config), signal);
      }
      // Before the index, which names it.
      if (manifestDigest !== target) await put(manifestDigest, manifestDigest);
    }
    return { digest: target, sizeBytes: await put(target, reference.tag ?? 'latest') };
  }

  /** From now on the registry has it under this digest. */
  async #remember({ manifestDigest }: ImageRecord, digest: Digest, reference: Reference): Promise<void> {
    const byDigest = canonicalName({ ...reference, tag: undefined, digest });
    await this.#parts.images.rename(manifestDigest, digest, [byDigest]);
  }

  async #pushLayer(
    repository: Repository,
    layer: Descriptor,
    reference: Reference,
    progress: LayerProgress,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      if (await repository.hasBlob(layer.digest, signal)) {
        progress.phase(TransferPhase.ALREADY_THERE);
        return;
      }
      for (const from of this.#otherRepositories(layer.digest, reference)) {
        if (!(await repository.mountBlob(layer.digest, from, signal))) continue;
        progress.phase(TransferPhase.MOUNTED, `from ${from}`);
        return;
      }
      const told = (bytes: number) => progress.bytes(TransferPhase.UPLOADING, bytes);
      await repository.uploadBlob(layer.digest, this.#bytes(layer, told), signal);
      progress.phase(TransferPhase.PUSHED);
    } catch (error) {
      const { code, message, hint } = toGantryError(error);
      if (!(error instanceof GantryError) || signal.aborted) throw error;
      // A refusal keeps its kind: who may not push is told so.
      if (code === 'PERMISSION_DENIED') throw error;
      throw new GantryError(code, `layer ${layer.digest}: ${message}`, { hint, cause: error });
    }
  }

  #bytes({ digest, size }: Descriptor, told: (bytes: number) => void = () => undefined): BlobBytes {
    const { content } = this.#parts.images;
    return {
      length: size,
      open: async function* (start, end) {
        let sent = start;
        for await (const chunk of content.stream(digest, start, end)) {
          yield chunk;
          sent += chunk.length;
          told(sent);
        }
      },
    };
  }

  /** Of the same registry, those that an image with this layer came from or went to. */
  #otherRepositories(layer: Digest, { domain, path }: Reference): readonly string[] {
    const { images } = this.#parts;
    const others = new Set<string>();
    for (const [name, { manifest }] of images.names()) {
      const other = parseReference(name);
      // A name by digest is one that a registry has; a tag may be of here alone.
      if (other.digest === undefined || other.domain !== domain || other.path === path) continue;
      const record = images.byManifest(manifest);
      if (record?.manifest.layers.some(({ digest }) => digest === layer)) others.add(other.path);
    }
    return [...others].slice(0, MOST_MOUNT_ATTEMPTS);
  }
}

const MOST_MOUNT_ATTEMPTS = 3;

/** All have ended when it returns; the first failure ends the others. */
async function allOrFirstFailure(work: readonly Promise<void>[], onFailure: () => void): Promise<void> {
  const failures: unknown[] = [];
  const watched = work.map((one) =>
    one.catch((error: unknown) => {
      failures.push(error);
      onFailure();
    }),
  );
  await Promise.all(watched);
  if (failures.length > 0) throw failures[0];
}
