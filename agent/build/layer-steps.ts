/** Steps that make a layer: a change of a root file system, taken from the cache or made and packed. */
import { type FileHandle, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { native } from '../../native/addon/native.ts';
import type { Digest, RandomBytes } from '../../proto/ids.ts';
import type { ImageStore } from '../image/image-store.ts';
import { archiveBelow, archiveTree } from '../image/layer/tree-archive.ts';
import type { Lease } from '../image/lease.ts';
import type { SnapshotStore } from '../image/snapshot-store.ts';
import { END_OF_ARCHIVE } from '../image/tar/encoder.ts';
import type { BuildCache, CachedLayer, CacheEntry } from './build-cache.ts';

const KEY_PREFIX = 'build-';

export interface LayerStepParts {
  /** DATA_ROOT */
  readonly dir: string;
  readonly images: Pick<ImageStore, 'layers' | 'workers'>;
  readonly snapshots: SnapshotStore;
  readonly cache: BuildCache;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly random: RandomBytes;
}

export interface LayerStep {
  /** Chain ids of the layers below, lowest first. */
  readonly chain: readonly Digest[];
  /**
   * Of a step that sees nothing of the layers below, nor has them in its key: directories that its layer takes as it
   * finds them. Undefined: it sees them.
   */
  readonly implied?: readonly string[] | undefined;
  readonly key: string;
  readonly useCache: boolean;
  /** Keeps what the step gives. */
  readonly lease: Lease;
  /** Milliseconds since the epoch that the layer and its files are from at the latest; undefined: from when they are made. */
  readonly sourceTimeMs: number | undefined;
  /** Called when the step is in the cache. */
  readonly cached: () => void;
  /** Called when it isn't, with what is to be done. */
  readonly perform: (work: (change: (rootfs: string) => Promise<void>) => Promise<CacheEntry>) => Promise<CacheEntry>;
}

export interface NamedTree {
  readonly name: string;
  /** Chain ids, lowest first. */
  readonly chain: readonly Digest[];
}

export class LayerSteps {
  readonly #parts: LayerStepParts;
  readonly #mounts: string;
  /** By key. */
  readonly #running = new Map<string, Promise<CacheEntry>>();

  constructor(parts: LayerStepParts) {
    this.#parts = parts;
    this.#mounts = join(parts.dir, 'build', 'mounts');
  }

  /** Removes what builds left that were cut off. Before any build. */
  async open(): Promise<void> {
    await mkdir(this.#mounts, { recursive: true });
    for (const name of await readdir(this.#mounts)) await this.#discard(name);
    for (const key of this.#parts.snapshots.list())
      if (key.startsWith(KEY_PREFIX)) await this.#parts.snapshots.remove(key);
  }

  /** The same step wanted by several at once is run once. */
  async run(step: LayerStep): Promise<CacheEntry> {
    while (step.useCache) {
      const running = this.#running.get(step.key);
      if (running === undefined) break;
      // Whoever runs it may fail for reasons of his own: he is cancelled, or has other secrets.
      await running.catch(() => undefined);
    }
    const cached = step.useCache ? this.#lookUp(step) : undefined;
    if (cached !== undefined) {
      step.cached();
      return step.implied === undefined ? cached : await this.#put(cached, step);
    }
    const made = step.perform((change) => this.#make(step, change));
    this.#running.set(step.key, made);
    try {
      return await made;
    } finally {
      if (this.#running.get(step.key) === made) this.#running.delete(step.key);
    }
  }

  async #make(step: LayerStep, change: (rootfs: string) => Promise<void>): Promise<CacheEntry> {
    const layer = await this.#withSnapshot(step.implied === undefined ? step.chain : [], async (rootfs, key) => {
      await change(rootfs);
      await this.#parts.snapshots.unmount(rootfs);
      return await this.#pack(key, step);
    });
    const made: CacheEntry = { layer, createdAtMs: step.sourceTimeMs ?? this.#parts.clock() };
    const entry = step.implied === undefined ? made : await this.#put(made, step);
    await this.#parts.cache.put(step.key, entry);
    return entry;
  }

  /** The step's layer, unpacked on those of the chain. */
  async #put(entry: CacheEntry, { chain, lease }: LayerStep): Promise<CacheEntry> {
    const { layer } = entry;
    if (layer === undefined) return entry;
    const { layers } = this.#parts.images;
    const { content } = lease;
    // Those below are there: nothing reads their blobs.
    const below = chain.flatMap((id) => layers.get(id) ?? []);
    const sources = below.map(({ diffId }) => ({ archive: '', digest: diffId, diffId }));
    const own = { archive: content.path(layer.digest), digest: layer.digest, diffId: layer.diffId };
    const unpacked = await layers.ensure([...sources, own], 'a build', lease);
    return { ...entry, layer: { ...layer, chainId: unpacked.at(-1)?.chainId ?? layer.chainId } };
  }

  /** The root file system of these layers, mounted while `work` runs; what is written to it is dropped. */
  async withRootfs<T>(chain: readonly Digest[], work: (rootfs: string) => Promise<T>): Promise<T> {
    return await this.#withSnapshot(chain, work);
  }

  /** The files of these layers as a tar. */
  archiveRootfs(chain: readonly Digest[]): AsyncGenerator<Buffer, void, undefined> {
    return this.#archive(chain, (root) => archiveTree(root, native));
  }

  /** One tar with directories that have the files of these layers. */
  async *archiveRootfses(trees: readonly NamedTree[]): AsyncGenerator<Buffer, void, undefined> {
    for (const { name, chain } of trees) yield* this.#archive(chain, (root) => archiveBelow(root, name, native));
    yield END_OF_ARCHIVE;
  }

  async *#archive(
    chain: readonly Digest[],
    archive: (root: FileHandle) => AsyncGenerator<Buffer, void, undefined>,
  ): AsyncGenerator<Buffer, void, undefined> {
    const key = KEY_PREFIX + this.#parts.random(8).toString('hex');
    try {
      await this.#parts.snapshots.prepareLayers(key, chain);
      const root = await this.#parts.snapshots.openMerged(key, join(this.#mounts, key));
      try {
        yield* archive(root);
      } finally {
        await root.close();
      }
    } finally {
      await this.#discard(key);
    }
  }

  #lookUp({ key, implied, lease }: LayerStep): CacheEntry | undefined {
    const { cache, images } = this.#parts;
    const entry = cache.get(key);
    const layer = entry?.layer;
    if (layer === undefined) return entry;
    lease.keepLayer(layer.chainId);
    const isUnpacked = implied !== undefined || images.layers.get(layer.chainId) !== undefined;
    return isUnpacked && lease.content.has(layer.digest) ? entry : undefined;
  }

  async #withSnapshot<T>(chain: readonly Digest[], work: (rootfs: string, key: string) => Promise<T>): Promise<T> {
    const key = KEY_PREFIX + this.#parts.random(8).toString('hex');
    const rootfs = join(this.#mounts, key);
    try {
      await this.#parts.snapshots.prepareLayers(key, chain);
      await this.#parts.snapshots.mount(key, rootfs, 'durable');
      return await work(rootfs, key);
    } finally {
      await this.#discard(key);
    }
  }

  async #discard(key: string): Promise<void> {
    const rootfs = join(this.#mounts, key);
    await this.#parts.snapshots.unmount(rootfs);
    await rm(rootfs, { recursive: true, force: true });
    await this.#parts.snapshots.remove(key);
  }

  /**
   * The snapshot's upper directory becomes a blob and, by a rename, an unpacked layer, unless that has yet to be put on
   * those below. Undefined if it is empty.
   */
  async #pack(key: string, { chain, implied, sourceTimeMs, lease }: LayerStep): Promise<CachedLayer | undefined> {
    const { layers, workers } = this.#parts.images;
    const { content } = lease;
    const upper = this.#parts.snapshots.upper(key);
    const archive = content.ingestPath();
    try {
      const { digest, size, sizeBytes, entries } = await workers.run({
        ...{ kind: 'pack', source: upper, archive, implied },
        latestTime: sourceTimeMs === undefined ? undefined : Math.floor(sourceTimeMs / 1000),
      });
      if (entries === 0) return undefined;
      await content.adopt(archive, digest);
      const made = { diffId: digest, digest, size, sizeBytes };
      if (implied !== undefined) return { ...made, chainId: digest };
      const { chainId } = await layers.adopt({ diffId: digest, parent: chain.at(-1), sizeBytes }, upper, lease);
      return { ...made, chainId };
    } finally {
      await rm(archive, { force: true });
    }
  }
}
