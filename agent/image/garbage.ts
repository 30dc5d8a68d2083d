/** Garbage collection: blobs and layers that nothing refers to any more. */
import type { Logger } from 'pino';
import type { Digest } from '../../proto/ids.ts';
import type { ContentStore } from './content-store.ts';
import type { IndexState } from './image-index.ts';
import type { LayerStore } from './layer-store.ts';
import { SharedLock } from './shared-lock.ts';

/** What must stay. */
export interface Roots {
  readonly blobs: Iterable<Digest>;
  /** Chain ids; what lies below a layer isn't implied. */
  readonly layers: Iterable<Digest>;
}

/** All that images refer to. */
export function imageRoots({ images, names }: IndexState): Roots {
  const blobs = new Set<Digest>();
  const layers = new Set<Digest>();
  for (const { manifestDigest, manifest, chainIds } of images.values()) {
    for (const { digest } of [manifest.config, ...manifest.layers]) blobs.add(digest);
    blobs.add(manifestDigest);
    for (const id of chainIds) layers.add(id);
  }
  for (const { target } of names.values()) blobs.add(target);
  return { blobs, layers };
}

export class GarbageCollector {
  readonly #content: ContentStore;
  readonly #layers: LayerStore;
  readonly #logger: Logger;
  readonly #lock = new SharedLock();
  readonly #sources: (() => Roots)[] = [];
  #running: Promise<void> | undefined;
  /** What has become garbage since a collection looked. */
  #isOutdated: boolean = false;

  constructor(options: { readonly content: ContentStore; readonly layers: LayerStore; readonly logger: Logger }) {
    this.#content = options.content;
    this.#layers = options.layers;
    this.#logger = options.logger;
  }

  /** `roots` is asked at each collection for what its owner needs. */
  addSource(roots: () => Roots): void {
    this.#sources.push(roots);
  }

  /** While `work` runs nothing is collected: what it adds has no owner yet. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    return await this.#lock.shared(work);
  }

  /** Like {@link hold} for work that is no one promise: until the returned function is called. */
  async retain(): Promise<() => void> {
    return await this.#lock.enter();
  }

  /** Collects when nobody holds it; many calls meanwhile make one collection. Failures are logged: the next one tries again. */
  schedule(): void {
    this.#isOutdated = true;
    this.#running ??= this.#lock
      .alone(() => this.#collect())
      .catch((error: unknown) => this.#logger.warn({ err: error }, 'collecting garbage of images failed'))
      .finally(() => {
        this.#running = undefined;
        if (this.#isOutdated) this.schedule();
      });
  }

  /** All that somebody needs now. */
  roots(): { readonly blobs: ReadonlySet<Digest>; readonly layers: ReadonlySet<Digest> } {
    const blobs = new Set<Digest>();
    const layers = new Set<Digest>();
    for (const source of this.#sources) {
      const roots = source();
      for (const digest of roots.blobs) blobs.add(digest);
      for (const id of roots.layers) layers.add(id);
    }
    return { blobs, layers };
  }

  /** When what was scheduled is done and deleted. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    await this.#layers.settled();
  }

  async #collect(): Promise<void> {
    this.#isOutdated = false;
    // Before the first await: whoever adds an owner later finds what it owns already marked by another.
    const { blobs, layers } = this.roots();
    const deadLayers = this.#layers.list().filter(({ chainId }) => !layers.has(chainId));
    for (const { chainId } of deadLayers) await this.#layers.remove(chainId);
    const deadBlobs = (await this.#content.list()).filter((digest) => !blobs.has(digest));
    for (const digest of deadBlobs) await this.#content.remove(digest);
    this.#logger.debug({ layers: deadLayers.length, blobs: deadBlobs.length }, 'collected garbage of images');
  }
}
