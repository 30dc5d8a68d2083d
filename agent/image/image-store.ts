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
import { spoolArchive } from './archive.ts';
import { findImages } from './archive-images.ts';
import { archiveFiles } from './archive-layout.ts';
import { writeArchive } from './archive-writer.ts';
import { type CommitRequest, commitImage } from './commit.ts';
import { type Blob, ContentStore } from './content-store.ts';
import { GarbageCollector, imageRoots } from './garbage.ts';
import { encodeImageDocument, type ImageDocument } from './image-config.ts';
import { filterImages } from './image-filter.ts';
import { imageHistory } from './image-history.ts';
import {
  ImageIndex,
  type ImageRecord,
  type IndexState,
  type NameRecord,
  withImage,
  withName,
  withoutImages,
  withoutNames,
} from './image-index.ts';
import { describeImage, findImage, namesOf, parseTag, shortName } from './image-lookup.ts';
import { type PruneFilter, planPrune } from './image-prune.ts';
import { ImageRecords } from './image-records.ts';
import { planRemoval, type RemovalPlan } from './image-removal.ts';
import { type ImageReport, reportImages } from './image-report.ts';
import type { ImageFilter, Images, ImportOptions, RunnableImage } from './images.ts';
import { importImage } from './import.ts';
import { LayerStore } from './layer-store.ts';
import { LayerWorkers } from './layer-workers.ts';
import { type Lease, rootsOf } from './lease.ts';
import { type Annotations, type Descriptor, encodeManifest, OCI_CONFIG, type Platform } from './manifest.ts';
import { NOTHING_ARRIVES, type Registration } from './registration.ts';
import { chooseSavedImages } from './saved-images.ts';

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
    return new Set([...this.#index.state.images.values()].map(({ id }) => id)).size;
  }

  report(): ImageReport {
    return reportImages(this.#index.state, (record) => this.#sizeOf(record));
  }

  onChange(listener: () => void): () => void {
    return this.#index.onChange(listener);
  }

  async resolve(reference: string): Promise<RunnableImage> {
    const { record, name } = findImage(this.#index.state, reference);
    const { config, os, architecture } = record.document;
    return { id: record.id, name: name === undefined ? record.id : shortName(name), config, os, architecture };
  }

  async list(filter: ImageFilter): Promise<Image[]> {
    const state = this.#index.state;
    const byId = new Map([...state.images.values()].map((record) => [record.id, record]));
    const images = [...byId.values()].map((record) => this.#describe(state, record));
    const createdAt = (reference: string) => this.#describe(state, findImage(state, reference).record).createdAtMs;
    return filterImages(images, filter.filters, createdAt);
  }

  async inspect(reference: string): Promise<Image> {
    const state = this.#index.state;
    return this.#describe(state, findImage(state, reference).record);
  }

  async history(reference: string): Promise<ImageHistoryEntry[]> {
    const state = this.#index.state;
    const { record } = findImage(state, reference);
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
    const { manifestDigest, document } = record;
    const digest = this.named(name)?.target ?? manifestDigest;
    const byDigest = canonicalName({ ...parseReference(name), tag: undefined, digest });
    if (this.named(byDigest)?.manifest !== manifestDigest) await this.rename(manifestDigest, digest, [byDigest]);
    return { digest, platform: { os: document.os, architecture: document.architecture } };
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
    using lease = this.garbage.lease();
    const begun: Digest[] = [];
    const arrived = (blob: Blob) => {
      if (this.layers.early.begin(blob, this.content.path(blob.digest))) begun.push(blob.digest);
    };
    try {
      const spooled = await spoolArchive(archive, lease.content, arrived);
      const images = await findImages(spooled, lease.content, this.platform);
      const loaded: string[] = [];
      for (const { manifest, target, names } of images) {
        const record = await this.#register(manifest, target, names, lease, signal);
        loaded.push(...(names.length === 0 ? [record.id] : names.map((name) => shortName(parseTag(name)))));
      }
      return loaded;
    } finally {
      for (const digest of begun) await this.layers.early.drop(digest);
    }
  }

  async *save(references: readonly string[]): AsyncGenerator<Buffer, void, undefined> {
    const images = chooseSavedImages(this.#index.state, references);
    using lease = this.garbage.lease();
    for (const { record } of images) lease.keep(rootsOf(record));
    yield* writeArchive(
      archiveFiles(images, (digest) => this.content.size(digest)),
      lease.content,
    );
  }

  async commit(upper: string, request: CommitRequest): Promise<Digest> {
    return await commitImage(this, upper, request, this.#clock());
  }

  async import(archive: AsyncIterable<Uint8Array>, options: ImportOptions, signal?: AbortSignal): Promise<Digest> {
    return await importImage(this, archive, options, this.#clock(), signal);
  }

  /** Makes an image of a config and of layers that are blobs of the content store. Names as users write them, with or without tag. */
  async create(
    document: ImageDocument,
    layers: readonly Descriptor[],
    names: readonly string[],
    lease: Lease,
    annotations?: Annotations,
  ): Promise<ImageRecord> {
    const config = await lease.content.put(encodeImageDocument(document));
    const manifest = await lease.content.put(encodeManifest({ mediaType: OCI_CONFIG, ...config }, layers, annotations));
    return await this.#register(manifest.digest, manifest.digest, names, lease);
  }

  /**
   * Makes an image of a manifest whose blobs are in the content store: checks them against each other, unpacks what
   * isn't unpacked yet, and names it. `target` is the manifest, or the index that it was chosen from.
   */
  async #register(
    manifest: Digest,
    target: Digest,
    names: readonly string[],
    lease: Lease,
    signal?: AbortSignal,
  ): Promise<ImageRecord> {
    const image = names[0] ?? `image ${manifest}`;
    return await this.registerArriving({
      manifest,
      target,
      names: names.map(parseTag),
      image,
      layers: signal === undefined ? NOTHING_ARRIVES : { ...NOTHING_ARRIVES, signal },
      lease,
    });
  }

  /** The same of an image whose layers are on their way. Its manifest and config are in the content store. */
  async registerArriving(registration: Registration): Promise<ImageRecord> {
    const { manifest, target, names, image, layers, lease } = registration;
    lease.keep({ blobs: [manifest, target], layers: [] });
    const record = await this.#records.read(manifest, image);
    lease.keep(rootsOf(record));
    await this.#records.unpack(record, image, layers, lease);
    await this.#index.update((state) =>
      names.reduce(
        (next, name) => withName(next, name, { manifest, target, taggedAtMs: this.#clock() }),
        withImage(state, record),
      ),
    );
    return record;
  }

  /** Gives an image further names, in canonical form; `target` is what a registry has under them. CONFLICT when it is gone. */
  async rename(manifest: Digest, target: Digest, names: readonly string[]): Promise<void> {
    await this.#index.update((state) => {
      if (state.images.has(manifest)) {
        const named = { manifest, target, taggedAtMs: this.#clock() };
        return names.reduce((next, name) => withName(next, name, named), state);
      }
      throw new GantryError('CONFLICT', `image ${manifest} has been removed meanwhile`, { hint: 'try again' });
    });
  }

  /** What a canonical name stands for. */
  named(name: string): NameRecord | undefined {
    return this.#index.state.names.get(name);
  }

  /** Canonical names with what they stand for. */
  names(): ReadonlyMap<string, NameRecord> {
    return this.#index.state.names;
  }

  /** By the digest of its manifest. */
  byManifest(manifest: Digest): ImageRecord | undefined {
    return this.#index.state.images.get(manifest);
  }

  /** The image as it was registered. Throws IMAGE_NOT_FOUND. */
  find(reference: string): ImageRecord {
    return findImage(this.#index.state, reference).record;
  }

  get state(): IndexState {
    return this.#index.state;
  }

  #describe(state: IndexState, record: ImageRecord): Image {
    return describeImage(state, record, this.#sizeOf(record));
  }

  /** Unpacked. */
  #sizeOf({ chainIds }: ImageRecord): number {
    return chainIds.reduce((sum, id) => sum + (this.layers.get(id)?.sizeBytes ?? 0), 0);
  }
}

function hostPlatform(): Platform {
  const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };
  return { os: 'linux', architecture: architectures[process.arch] ?? process.arch };
}
