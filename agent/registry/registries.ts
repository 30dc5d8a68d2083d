/** What the engine asks of registries: pull, push, login; as streams of events. */
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import {
  type DistributionInspectRequest,
  type DistributionInspectResponse,
  type ImagePullRequest,
  type ImagePullResponse,
  type ImagePushRequest,
  type ImagePushResponse,
  PullOrder,
  type RegistryCredentials,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest } from '../../proto/ids.ts';
import {
  canonicalName,
  familiarName,
  familiarRepository,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../../proto/image-reference.ts';
import type { ImageRecord } from '../image/image-index.ts';
import type { ImageStore } from '../image/image-store.ts';
import { compareText } from '../image/text-order.ts';
import { type Platform, requirePlatformOn } from '../platform/platform.ts';
import { eventStream } from '../stream/event-stream.ts';
import { inspectDistribution } from './distribution.ts';
import { ImagePuller } from './image-puller.ts';
import { ImagePusher } from './image-pusher.ts';
import type { ImageOrder, ImageSource, ImageTarget } from './image-source.ts';
import type { PeerImages } from './peer-images.ts';
import { pullFailure } from './pull-failure.ts';
import type { RegistryConnector } from './registry-connector.ts';
import type { RetryClock } from './retry.ts';

export interface RegistriesParts {
  readonly images: ImageStore;
  readonly connector: RegistryConnector;
  readonly peers: PeerImages;
  readonly clock: RetryClock;
  readonly logger: Logger;
}

export class Registries implements ImageSource, ImageTarget {
  readonly #parts: RegistriesParts;
  readonly #puller: ImagePuller;
  readonly #pusher: ImagePusher;

  constructor(parts: RegistriesParts) {
    const logger = parts.logger.child({ component: 'registries' });
    this.#parts = { ...parts, logger };
    this.#puller = new ImagePuller(this.#parts);
    this.#pusher = new ImagePusher(this.#parts);
  }

  /** What is on its way here, for other nodes that want it too. */
  get arrivals(): Pick<ImagePuller, 'isArriving' | 'isBusy'> {
    return this.#puller;
  }

  /** Ends when all is pulled, or throws. What it started has ended when it returns. */
  pull(request: ImagePullRequest, signal: AbortSignal): AsyncGenerator<ImagePullResponse, void, undefined> {
    return eventStream<ImagePullResponse>(signal, (events, either) =>
      this.#pull(request, (event) => events.push(event), either),
    );
  }

  push(request: ImagePushRequest, signal: AbortSignal): AsyncGenerator<ImagePushResponse, void, undefined> {
    return eventStream<ImagePushResponse>(signal, (events, either) =>
      this.#push(request, (event) => events.push(event), either),
    );
  }

  /** For builds and tasks; see ImageSource. */
  async bring(
    name: string,
    credentials: RegistryCredentials | undefined,
    tell: (line: string) => void,
    signal: AbortSignal,
    order: ImageOrder,
    platform?: Platform,
  ): Promise<Digest> {
    const reference = withDefaultTag(parseReference(name));
    tell(`${reference.digest ?? reference.tag}: Pulling from ${reference.path}`);
    const tags = platform === undefined ? 'given' : 'unless taken';
    const options = { reference, platform, credentials, order, tags } as const;
    const { manifest, digest, isNew } = await this.#puller.pull(options, () => undefined, signal);
    tell(`Digest: ${digest}`);
    tell(`Status: ${isNew ? 'Downloaded newer image' : 'Image is up to date'} for ${familiarName(reference)}`);
    return manifest;
  }

  /** For builds; see ImageTarget. */
  async put(
    record: ImageRecord,
    reference: Reference,
    credentials: RegistryCredentials | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const image = { digest: record.manifestDigest, records: [record] };
    await this.#pusher.pushImages(image, { reference, credentials }, () => undefined, signal);
  }

  /** See inspectDistribution. */
  async inspect(
    { reference, credentials }: DistributionInspectRequest,
    signal: AbortSignal,
  ): Promise<DistributionInspectResponse> {
    return await inspectDistribution(this.#parts, reference, credentials, signal);
  }

  /** Throws PERMISSION_DENIED when the registry doesn't take them. */
  async login(domain: string, credentials: RegistryCredentials, signal: AbortSignal): Promise<void> {
    await this.#parts.connector.login(domain, credentials, signal);
  }

  async #pull(request: ImagePullRequest, emit: (event: ImagePullResponse) => void, signal: AbortSignal): Promise<void> {
    const { credentials } = request;
    const platform = this.#platformOf(request);
    const order = request.order === PullOrder.CLUSTER_FIRST ? 'cluster first' : 'registry first';
    const repository = parseReference(request.reference).path;
    for (const reference of await this.#pulledReferences(request, signal)) {
      const version = reference.digest ?? reference.tag ?? '';
      emit({ message: { $case: 'pulling', value: { repository, version } } });
      const { imageId, digest, isNew } = await this.#puller.pull(
        { reference, platform, credentials, order, tags: 'given' },
        (progress) => emit({ message: { $case: 'progress', value: progress } }),
        signal,
      );
      const name = familiarName(reference);
      emit({ message: { $case: 'pulled', value: { name, digest, isNew, imageId } } });
    }
  }

  #platformOf({ platform }: { readonly platform: string }): Platform | undefined {
    return platform === '' ? undefined : requirePlatformOn(platform, this.#parts.images.platform);
  }

  async #pulledReferences(request: ImagePullRequest, signal: AbortSignal): Promise<readonly Reference[]> {
    const reference = parseReference(request.reference);
    if (!request.allTags) return [withDefaultTag(reference)];
    const { connector } = this.#parts;
    const [endpoint] = connector.endpoints(withoutTag(reference).domain).slice(-1);
    if (endpoint === undefined) return [];
    const { path } = reference;
    try {
      const name = familiarRepository(reference);
      using repository = await connector.connect(endpoint, { path, name }, request.credentials, signal);
      return (await repository.tags(signal)).map((tag) => ({ ...reference, tag }));
    } catch (error) {
      throw pullFailure(error, reference);
    }
  }

  async #push(request: ImagePushRequest, emit: (event: ImagePushResponse) => void, signal: AbortSignal): Promise<void> {
    const references = this.#pushedReferences(request);
    const platform = this.#platformOf(request);
    const { domain, path } = parseReference(request.reference);
    emit({ message: { $case: 'pushing', value: { repository: `${domain}/${path}` } } });
    for (const reference of references) {
      const { digest, sizeBytes } = await this.#pusher.push(
        { reference, platform, credentials: request.credentials },
        (progress) => emit({ message: { $case: 'progress', value: progress } }),
        signal,
      );
      emit({ message: { $case: 'pushed', value: { tag: reference.tag ?? '', digest, sizeBytes } } });
    }
  }

  #pushedReferences(request: ImagePushRequest): readonly Reference[] {
    const reference = parseReference(request.reference);
    if (reference.digest !== undefined) {
      throw new GantryError('INVALID_ARGUMENT', 'cannot push a digest reference', {
        hint: 'name the image by its tag',
      });
    }
    if (!request.allTags) return [withDefaultTag(reference)];
    const prefix = `${canonicalName(withoutTag(reference))}:`;
    const names = [...this.#parts.images.names().keys()].filter((name) => name.startsWith(prefix)).sort(compareText);
    if (names.length > 0) return names.map(parseReference);
    throw new GantryError(
      'IMAGE_NOT_FOUND',
      `An image does not exist locally with the tag: ${familiarRepository(reference)}`,
    );
  }
}

function withoutTag(reference: Reference): Reference {
  if (reference.tag === undefined && reference.digest === undefined) return reference;
  throw new GantryError('INVALID_ARGUMENT', "tag can't be used with --all-tags/-a", { hint: 'leave one of them out' });
}
