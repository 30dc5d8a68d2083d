/** The images of this host: {@link Images} over the content store, the unpacked layers and the index of names. */
import type { Logger } from 'pino';
import type { Native } from '../../native/addon/native.ts';
import { GantryError } from '../../proto/errors.ts';
import type {
  Image,
  ImageHistoryEntry,
  ImagePruneResponse,
  PinnedImage,
} from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest, RandomBytes } from '../../proto/ids.ts';
import { canonicalName, parseReference } from '../../proto/image-reference.ts';
import { hostPlatform } from '../platform/host-platform.ts';
import { type Platform, requirePlatformOn } from '../platform/platform.ts';
import { type CommitRequest, commitImage } from './commit.ts';
import { ContentStore } from './content-store.ts';
import { GarbageCollector, imageRoots } from './garbage.ts';
import { filterImages } from './image-filter.ts';
import { imageHistory } from './image-history.ts';
import {
  ImageIndex,
  type ImageRecord,
  type IndexState,
  type NameRecord,
  withName,
  withoutImages,
  withoutNames,
} from './image-index.ts';
import {
  describeImage,
  type FoundImage,
  findForPlatform,
  findImage,
  findImageFor,
  namesOf,
  parseTag,
  platformsHere,
  shortName,
} from './image-lookup.ts';
import { type PruneFilter, planPrune } from './image-prune.ts';
import { ImageRecords } from './image-records.ts';
import { ImageRegistrar } from './image-registrar.ts';
import { planRemoval, type RemovalPlan } from './image-removal.ts';
import { type ImageReport, reportImages } from './image-report.ts';
import type { ImageFilter, Images, ImportOptions, RunnableImage } from './images.ts';
import { importImage } from './import.ts';
import { besides, manifestsOf, visibleImages } from './index-images.ts';
import { LayerStore } from './layer-store.ts';
import { LayerWorkers } from './layer-workers.ts';
import { loadImages } from './load.ts';
import { saveImages } from './save.ts';

export interface ImageStoreOptions {
  /** DATA_ROOT */
  readonly dir: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly random: RandomBytes;
  readonly native: Pick<Native, 'spreadSubdirectories'>;
  readonly logger: Logger;
}

export class ImageStore implements Images {
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly workers: LayerWorkers;
  readonly garbage: GarbageCollector;
  readonly registrar: ImageRegistrar;
  readonly platform: Platform;
  readonly #clock: () => number;
  readonly #index: ImageIndex;
  readonly #records: ImageRecords;

  constructor(options: ImageStoreOptions) {
    const logger = options.logger.child({ component: 'images' });
    const { dir, random, native } = options;
    this.#clock = options.clock;
    this.#index = new ImageIndex(dir);
    this.platform = hostPlatform();
    this.workers = new LayerWorkers();
    this.content = new ContentStore({ dir, random, logger });
    this.layers = new LayerStore({ dir, random, native, logger, workers: this.workers });
    const stores = { content: this.content, layers: this.layers };
    this.garbage = new GarbageCollector({ ...stores, now: options.clock, logger });
    this.#records = new ImageRecords({ ...stores, lease: () => this.garbage.lease(), logger });
    const index = { index: this.#index, records: this.#records };
    this.registrar = new ImageRegistrar({ ...index, platform: this.platform, clock: options.clock });
    this.garbage.addSource(() => imageRoots(this.#index.state));
  }

  /** Reads what is on disk and clears what a crash left. Before any other call. */
  async open(): Promise<void> {
    await this.content.open();
    await this.layers.open();
    this.#index.restore(await this.#records.restore(await this.#index.read()));
  }

  /** First of all when the process is to end: what pulls in progress have brought stays for the next one. */
  keepUnfinished(): void {
    this.garbage.stop();
    this.content.partial.keep();
  }

  /** Ends the worker threads, after what they are doing in the background. */
  async close(): Promise<void> {
    await this.garbage.settled();
    await this.workers.close();
  }

  count(): number {
    return new Set(visibleImages(this.#index.state).map(({ id }) => id)).size;
  }

  report(): ImageReport {
    return reportImages(this.#index.state, (record) => this.#sizeOf(record));
  }

  onChange(listener: () => void): () => void {
    return this.#index.onChange(listener);
  }

  async resolve(reference: string, platform = ''): Promise<RunnableImage> {
    const { record, name } = this.#findOn(reference, platform);
    const { config, os, architecture } = record.document;
    return { id: record.id, name: name === undefined ? record.id : shortName(name), config, os, architecture };
  }

  async list(filter: ImageFilter): Promise<Image[]> {
    const state = this.#index.state;
    const byId = new Map(visibleImages(state).map((record) => [record.id, record]));
    const images = [...byId.values()].map((record) => this.#describe(state, record));
    const createdAt = (reference: string) => this.#describe(state, findImage(state, reference).record).createdAtMs;
    return filterImages(images, filter.filters, createdAt);
  }

  async inspect(reference: string, platform = ''): Promise<Image> {
    return this.#describe(this.#index.state, this.#findOn(reference, platform).record);
  }

  async history(reference: string, platform = ''): Promise<ImageHistoryEntry[]> {
    const state = this.#index.state;
    const { record } = this.#findOn(reference, platform);
    const sizes = record.chainIds.map((id) => this.layers.get(id)?.sizeBytes ?? 0);
    return imageHistory(record, sizes, namesOf(state, record.id).map(shortName));
  }

  async tag(source: string, target: string): Promise<void> {
    const name = parseTag(target);
    await this.#index.update((state) => {
      const found = findImage(state, source);
      const manifest = found.record.manifestDigest;
      const known = found.name === undefined ? undefined : state.names.get(found.name);
      return withName(state, name, { manifest, target: known?.target ?? manifest, taggedAtMs: this.#clock() });
    });
  }

  async pin(reference: string): Promise<PinnedImage> {
    const { record, name } = findImage(this.#index.state, reference);
    if (name === undefined)
      throw new GantryError('INVALID_ARGUMENT', `${reference} is an id: an image is pinned by a name`);
    const { manifestDigest } = record;
    const digest = this.named(name)?.target ?? manifestDigest;
    const byDigest = canonicalName({ ...parseReference(name), tag: undefined, digest });
    if (this.named(byDigest)?.manifest !== manifestDigest)
      await this.registrar.rename(manifestDigest, digest, [byDigest]);
    const otherPlatforms = besides(this.#index.state, record.id).map(platformOf);
    return { digest, platform: platformOf(record), otherPlatforms };
  }

  async remove(
    reference: string,
    options: { readonly force: boolean; readonly isUsed: (id: Digest) => string | undefined },
  ): Promise<{ untagged: string[]; deleted: string[] }> {
    let result: { untagged: string[]; deleted: string[] } = { untagged: [], deleted: [] };
    await this.#index.update((state) => {
      const plan = planRemoval(state, reference, options);
      result = { untagged: plan.names.map(shortName), deleted: [...plan.deleted] };
      return withoutImages(withoutNames(state, plan.names), plan.manifests);
    });
    this.garbage.schedule();
    return result;
  }

  async prune(filter: PruneFilter, isUsed: (id: Digest) => boolean): Promise<ImagePruneResponse> {
    let plans: readonly RemovalPlan[] = [];
    await this.#index.update((state) => {
      const pruned = planPrune(state, filter, isUsed);
      plans = pruned.plans;
      return pruned.state;
    });
    const kept = this.garbage.roots().layers;
    const deleted = plans.flatMap((plan) => plan.deleted);
    const freed = deleted
      .filter((digest) => !kept.has(digest))
      .map((digest) => this.layers.get(digest)?.sizeBytes ?? 0);
    this.garbage.schedule();
    const partialBytes = filter.filters.length === 0 ? this.content.partial.removeAll() : 0;
    return {
      untagged: plans.flatMap(({ names }) => names.map(shortName)),
      deleted,
      reclaimedBytes: freed.reduce((sum, bytes) => sum + bytes, partialBytes),
    };
  }

  async load(archive: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<string[]> {
    return await loadImages(this, archive, signal);
  }

  save(references: readonly string[], platform = ''): AsyncGenerator<Buffer, void, undefined> {
    return saveImages(this, references, platform === '' ? undefined : requirePlatformOn(platform, this.platform));
  }

  async commit(upper: string, request: CommitRequest): Promise<Digest> {
    return await commitImage(this, upper, request, this.#clock());
  }

  async import(archive: AsyncIterable<Uint8Array>, options: ImportOptions, signal?: AbortSignal): Promise<Digest> {
    return await importImage(this, archive, options, this.#clock(), signal);
  }

  async create(...made: Parameters<ImageRegistrar['create']>): Promise<ImageRecord> {
    return await this.registrar.create(...made);
  }

  async rename(manifest: Digest, target: Digest, names: readonly string[]): Promise<void> {
    await this.registrar.rename(manifest, target, names);
  }

  /** What a canonical name stands for. */
  named(name: string): NameRecord | undefined {
    return this.#index.state.names.get(name);
  }

  /** Canonical names with what they stand for. */
  names(): ReadonlyMap<string, NameRecord> {
    return this.#index.state.names;
  }

  /** Whether a manifest is here that is, or is in, what names stand for. */
  isNamed(target: Digest, manifest: Digest): boolean {
    return manifestsOf(this.#index.state, target).includes(manifest);
  }

  /** By the digest of its manifest. */
  byManifest(manifest: Digest): ImageRecord | undefined {
    return this.#index.state.images.get(manifest);
  }

  /** What the reference stands for on a platform; undefined: nothing of it is here. */
  findFor(reference: string, platform: Platform): ImageRecord | undefined {
    return findForPlatform(this.#index.state, reference, platform);
  }

  /** Those that are here of what the reference stands for; none of what isn't here. */
  platforms(reference: string): Platform[] {
    return platformsHere(this.#index.state, reference).map(({ document }) => document);
  }

  /** The image as it was registered. Throws IMAGE_NOT_FOUND. */
  find(reference: string): ImageRecord {
    return findImage(this.#index.state, reference).record;
  }

  get state(): IndexState {
    return this.#index.state;
  }

  /** Empty for no platform in particular. */
  #findOn(reference: string, platform: string): FoundImage {
    const state = this.#index.state;
    if (platform === '') return findImage(state, reference);
    return findImageFor(state, reference, requirePlatformOn(platform, this.platform));
  }

  #describe(state: IndexState, record: ImageRecord): Image {
    return describeImage(state, record, this.#sizeOf(record));
  }

  /** Unpacked. */
  #sizeOf({ chainIds }: ImageRecord): number {
    return chainIds.reduce((sum, id) => sum + (this.layers.get(id)?.sizeBytes ?? 0), 0);
  }
}

function platformOf({ document: { os, architecture } }: ImageRecord) {
  return { os, architecture };
}
