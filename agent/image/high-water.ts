/**
 * Keeps the disk of DATA_ROOT below its high-water mark: removes what has come of broken-off pulls, images that nobody
 * needs, one by one, and then what is kept of earlier builds.
 */
import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { NodeImage } from '../../proto/generated/gantry/v1/dispatcher.ts';
import type { Digest } from '../../proto/ids.ts';
import { type DiskFill, type EvictionCandidate, evictionCandidates, isAboveMark } from './eviction.ts';
import type { ImageStore } from './image-store.ts';
import type { ImageUses } from './image-uses.ts';
import { besides } from './index-images.ts';

export interface HighWaterOptions {
  /** DATA_ROOT */
  readonly dir: string;
  /** Percent of the disk; above it room is made. */
  readonly highPercent: number;
  readonly images: Pick<ImageStore, 'state' | 'prune' | 'garbage' | 'content'>;
  readonly uses: ImageUses;
  readonly containers: ImageUsers;
  readonly buildCache: BuildCacheOwner;
  /** Ids of those that the cluster needs. Throws UNAVAILABLE where that can't be known now. */
  readonly neededImages: (images: readonly NodeImage[]) => Promise<ReadonlySet<string>>;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly logger: Logger;
  /** How full the disk is. */
  readonly fill?: () => Promise<DiskFill>;
}

/** What is asked of containers. */
export interface ImageUsers {
  list(options: { readonly all: boolean; readonly filters: readonly string[] }): Promise<{ imageId: string }[]>;
  subscribe(listener: (event: ImageUserEvent) => void): () => void;
}

interface ImageUserEvent {
  readonly kind: string;
  readonly container: { readonly imageId: string };
}

/** What is asked of the builder. */
export interface BuildCacheOwner {
  cacheUsage(): { readonly sizeBytes: number; readonly shared: boolean }[];
  pruneCache(options: { all: boolean; filters: readonly string[]; keepBytes: number }): Promise<{ deleted: string[] }>;
}

const LOOK_PERIOD_MS = 60_000;
/** Between the coming of an image and the container that it came for. */
const GRACE_MS = 10 * 60_000;

export class HighWaterMark {
  readonly #options: HighWaterOptions;
  readonly #fill: () => Promise<DiskFill>;

  constructor(options: HighWaterOptions) {
    this.#options = options;
    this.#fill = options.fill ?? (() => diskFill(options.dir));
  }

  /** Until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { containers, uses, clock, logger } = this.#options;
    const unsubscribe = containers.subscribe(({ kind, container }) => {
      // Health is told every few seconds, and an image doesn't go while it has a container.
      if (kind !== 'health') uses.note(container.imageId as Digest, clock());
    });
    try {
      while (!signal.aborted) {
        await this.look(signal).catch((error: unknown) => {
          logger.warn({ err: error }, 'making room on the disk failed; it is tried again');
        });
        await sleep(LOOK_PERIOD_MS, undefined, { signal, ref: false }).catch(() => undefined);
      }
    } finally {
      unsubscribe();
      await this.#saveUses().catch((error: unknown) => logger.warn({ err: error }, 'uses of images not written down'));
    }
  }

  /** Makes room now, if there is too little. */
  async look(signal: AbortSignal): Promise<void> {
    await this.#saveUses();
    // What has become stale goes even if nothing else happens.
    this.#options.images.garbage.schedule();
    if (!(await this.#isTooFull())) return;
    this.#options.images.content.partial.removeAll();
    for (const candidate of await this.#candidates()) {
      if (signal.aborted) return;
      await this.#remove(candidate);
      if (!(await this.#isTooFull())) return;
    }
    await this.#halveBuildCache(signal);
  }

  async #saveUses(): Promise<void> {
    const { uses, images } = this.#options;
    await uses.save(new Set([...images.state.images.values()].map(({ id }) => id)));
  }

  async #isTooFull(): Promise<boolean> {
    return this.#options.highPercent > 0 && isAboveMark(await this.#fill(), this.#options.highPercent);
  }

  async #candidates(): Promise<EvictionCandidate[]> {
    const { images, uses, clock } = this.#options;
    const used = await this.#usedImages();
    const candidates = evictionCandidates(images.state, {
      isUsed: (id) => used.has(id),
      usedAtMs: (id) => uses.usedAtMs(id),
      beforeMs: clock() - GRACE_MS,
    });
    const needed = await this.#needed(candidates.filter(({ names }) => names.length > 0));
    return candidates.filter(({ id }) => !needed.has(id));
  }

  async #usedImages(): Promise<ReadonlySet<string>> {
    const all = await this.#options.containers.list({ all: true, filters: [] });
    return new Set(all.map(({ imageId }) => imageId));
  }

  /** All of them where it can't be known. */
  async #needed(named: readonly EvictionCandidate[]): Promise<ReadonlySet<string>> {
    try {
      return await this.#options.neededImages(
        named.map(({ id, names }) => ({ id, names: [...names], platform: undefined, otherPlatforms: [] })),
      );
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'the disk is too full, and no manager says which images must stay');
      return new Set(named.map(({ id }) => id));
    }
  }

  /** Looks at its containers once more: some may have come since the plan was made. */
  async #remove({ id, names, usedAtMs }: EvictionCandidate): Promise<void> {
    const { images, highPercent, logger } = this.#options;
    const used = await this.#usedImages();
    const going = new Set([id, ...besides(images.state, id).map((beside) => beside.id)]);
    const isKept = (one: Digest) => !going.has(one) || used.has(one);
    const { deleted, reclaimedBytes } = await images.prune({ all: true, filters: [] }, isKept);
    if (deleted.length === 0) return;
    logger.info(
      { image: id, names, usedAtMs, reclaimedBytes, highPercent },
      'removed an unused image: the disk is too full',
    );
    await images.garbage.settled();
  }

  /** Again and again until there is room: what was used longest ago is the half that goes. */
  async #halveBuildCache(signal: AbortSignal): Promise<void> {
    const { buildCache, images, highPercent, logger } = this.#options;
    while (!signal.aborted) {
      const bytes = buildCache.cacheUsage().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      const keepBytes = Math.floor(bytes / 2);
      const { deleted } = await buildCache.pruneCache({ all: false, filters: [], keepBytes });
      if (deleted.length === 0) return;
      logger.info({ steps: deleted.length, highPercent }, 'forgot steps of earlier builds: the disk is too full');
      await images.garbage.settled();
      if (!(await this.#isTooFull())) return;
    }
  }
}

/** As df(1) counts: what only root may use is no part of the whole. */
async function diskFill(dir: string): Promise<DiskFill> {
  const { bsize, blocks, bfree, bavail } = await statfs(dir);
  const usedBytes = (blocks - bfree) * bsize;
  return { usedBytes, totalBytes: usedBytes + bavail * bsize };
}
