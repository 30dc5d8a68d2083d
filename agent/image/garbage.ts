/**
 * Garbage collection: blobs and layers that nothing refers to any more. What is marked and what goes is decided and done
 * without giving way to anybody, so that no lock is needed: whoever has taken what he needs into his lease finds it there,
 * or doesn't find it.
 */
import type { Logger } from 'pino';
import type { Digest } from '../../proto/ids.ts';
import type { ContentStore } from './content-store.ts';
import type { IndexState } from './image-index.ts';
import type { LayerStore } from './layer-store.ts';
import { Lease, type Roots, rootsOf } from './lease.ts';

/** All that images refer to. */
export function imageRoots({ images, names }: IndexState): Roots {
  const blobs = new Set<Digest>();
  const layers = new Set<Digest>();
  for (const record of images.values()) {
    const roots = rootsOf(record);
    for (const digest of roots.blobs) blobs.add(digest);
    for (const id of roots.layers) layers.add(id);
  }
  for (const { target } of names.values()) blobs.add(target);
  return { blobs, layers };
}

export class GarbageCollector {
  readonly #content: ContentStore;
  readonly #layers: LayerStore;
  readonly #logger: Logger;
  readonly #sources: (() => Roots)[] = [];
  readonly #leases = new Set<Lease>();
  readonly #now: () => number;
  #hasCollected: boolean = false;
  #isStarted: boolean = false;
  #scheduled: Promise<void> | undefined;

  constructor(options: {
    readonly content: ContentStore;
    readonly layers: LayerStore;
    /** Milliseconds since the epoch. */
    readonly now: () => number;
    readonly logger: Logger;
  }) {
    this.#content = options.content;
    this.#layers = options.layers;
    this.#now = options.now;
    this.#logger = options.logger;
  }

  /** `roots` is asked at each collection for what its owner needs. */
  addSource(roots: () => Roots): void {
    this.#sources.push(roots);
  }

  /** Nothing is collected before: when all sources know what they need. Collects what the last process left. */
  start(): void {
    this.#isStarted = true;
    this.schedule();
  }

  /** From now on nothing is collected: what work in progress leaves is for the next process. */
  stop(): void {
    this.#isStarted = false;
  }

  /** For work that adds or reads content. The caller ends it. */
  lease(): Lease {
    const lease = new Lease(this.#content, (ended) => this.#end(ended));
    this.#leases.add(lease);
    return lease;
  }

  #end(lease: Lease): void {
    if (this.#leases.delete(lease)) this.schedule();
  }

  /** Collects soon; many calls make one collection. Failures are logged: the next one tries again. */
  schedule(): void {
    if (!this.#isStarted) return;
    this.#scheduled ??= new Promise((resolve) => setImmediate(resolve)).then(() => {
      this.#scheduled = undefined;
      this.#collect();
    });
  }

  /** All that somebody needs now. */
  roots(): { readonly blobs: ReadonlySet<Digest>; readonly layers: ReadonlySet<Digest> } {
    const blobs = new Set<Digest>();
    const layers = new Set<Digest>();
    for (const roots of [...this.#sources.map((source) => source()), ...this.#leases]) {
      for (const digest of roots.blobs) blobs.add(digest);
      for (const id of roots.layers) layers.add(id);
    }
    return { blobs, layers };
  }

  /** When what was scheduled is done and deleted. */
  async settled(): Promise<void> {
    while (this.#scheduled !== undefined) await this.#scheduled;
    await this.#layers.settled();
    await this.#content.settled();
  }

  /** A few renames: deleting comes later. */
  #collect(): void {
    try {
      const { blobs, layers } = this.roots();
      const deadLayers = this.#layers.list().filter(({ chainId }) => !layers.has(chainId));
      for (const { chainId } of deadLayers) this.#layers.remove(chainId);
      const deadBlobs = this.#content.list().filter((digest) => !blobs.has(digest));
      for (const digest of deadBlobs) this.#discard(digest);
      this.#hasCollected = true;
      this.#content.partial.removeStale(this.#now());
      this.#logger.debug({ layers: deadLayers.length, blobs: deadBlobs.length }, 'collected garbage of images');
    } catch (error) {
      this.#logger.warn({ err: error }, 'collecting garbage of images failed');
    }
  }

  /** What lies about at the start may be of a pull that was cut off: the next one needn't bring it again. */
  #discard(digest: Digest): void {
    if (this.#hasCollected) this.#content.remove(digest);
    else this.#content.setAside(digest, this.#now());
  }
}
