/**
 * What work in progress needs and nothing that lasts refers to yet: it isn't collected while the lease runs. In memory
 * alone: when the process ends, so does what its leases stood for, and the next process collects what they left.
 */
import type { Digest } from '../../proto/ids.ts';
import type { ContentStore } from './content-store.ts';
import type { ImageRecord } from './image-index.ts';
import { LeasedContent } from './leased-content.ts';

/** What must stay. */
export interface Roots {
  readonly blobs: Iterable<Digest>;
  /** Chain ids; what lies below a layer isn't implied. */
  readonly layers: Iterable<Digest>;
}

/** All that an image is made of. */
export function rootsOf({ manifestDigest, manifest, chainIds }: ImageRecord): Roots {
  return {
    blobs: [manifestDigest, manifest.config.digest, ...manifest.layers.map(({ digest }) => digest)],
    layers: chainIds,
  };
}

/** From {@link GarbageCollector.lease}. What is kept before it is looked for stays when it is found. */
export class Lease implements Disposable {
  readonly blobs = new Set<Digest>();
  readonly layers = new Set<Digest>();
  readonly content: LeasedContent;
  readonly #onEnd: (lease: Lease) => void;

  constructor(content: ContentStore, onEnd: (lease: Lease) => void) {
    this.content = new LeasedContent(content, this);
    this.#onEnd = onEnd;
  }

  keepBlob(digest: Digest): void {
    this.blobs.add(digest);
  }

  keepLayer(chainId: Digest): void {
    this.layers.add(chainId);
  }

  keep({ blobs, layers }: Roots): void {
    for (const digest of blobs) this.blobs.add(digest);
    for (const id of layers) this.layers.add(id);
  }

  keepImage(record: ImageRecord): void {
    this.keep(rootsOf(record));
  }

  /** Ends it: what nobody else needs is collected. Idempotent. */
  [Symbol.dispose](): void {
    this.#onEnd(this);
  }
}
