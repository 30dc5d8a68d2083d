/**
 * What steps of earlier builds gave, by what went into them: DATA_ROOT/build/cache.json. A step's key is a hash of
 * the layers below, the instruction, and the files it takes. The cache keeps its layers from being collected; beyond
 * its bounds the longest unused go.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import { type Digest, isDigest } from '../../proto/ids.ts';
import { writeFileAtomically } from '../image/atomic-file.ts';
import { asArray, asCount, asObject, asString, optional, parseJson } from '../image/json-fields.ts';
import type { Roots } from '../image/lease.ts';

export interface CachedLayer {
  readonly diffId: Digest;
  readonly chainId: Digest;
  /** The layer's blob. */
  readonly digest: Digest;
  readonly size: number;
  /** Of the blob; undefined: a plain tar. */
  readonly mediaType?: string | undefined;
  readonly sizeBytes: number;
}

export interface CacheEntry {
  /** Undefined: the step changed no file. */
  readonly layer: CachedLayer | undefined;
  readonly createdAtMs: number;
}

export interface StoredEntry extends CacheEntry {
  readonly usedAtMs: number;
  /** How often it spared a step. */
  readonly uses: number;
}

export interface CacheBounds {
  readonly maxEntries: number;
  /** Of the layers' files, whether images share them or not. */
  readonly maxBytes: number;
}

const DEFAULT_BOUNDS: CacheBounds = { maxEntries: 5_000, maxBytes: 20 * 2 ** 30 };

export function cacheKey(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

export class BuildCache {
  readonly #path: string;
  readonly #clock: () => number;
  readonly #logger: Logger;
  readonly #bounds: CacheBounds;
  readonly #entries = new Map<string, StoredEntry>();
  #writing: Promise<void> = Promise.resolve();

  constructor(options: {
    /** DATA_ROOT */
    readonly dir: string;
    readonly clock: () => number;
    readonly logger: Logger;
    readonly bounds?: CacheBounds;
  }) {
    this.#path = join(options.dir, 'build', 'cache.json');
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#bounds = options.bounds ?? DEFAULT_BOUNDS;
  }

  /** Before any other call. A damaged cache is an empty one. */
  async open(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    try {
      for (const [key, entry] of parseEntries(await readFile(this.#path), this.#path)) this.#entries.set(key, entry);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
      this.#logger.warn({ err: error }, 'starting with an empty build cache');
    }
  }

  roots(): Roots {
    const layers = [...this.#entries.values()].flatMap(({ layer }) => layer ?? []);
    return { blobs: layers.map(({ digest }) => digest), layers: layers.map(({ chainId }) => chainId) };
  }

  get(key: string): CacheEntry | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#entries.set(key, { ...entry, usedAtMs: this.#clock(), uses: entry.uses + 1 });
    return entry;
  }

  /** When this resolves, it is on disk. */
  async put(key: string, entry: CacheEntry): Promise<void> {
    this.#entries.set(key, { ...entry, usedAtMs: this.#clock(), uses: 0 });
    await this.save();
  }

  /** Those of another host, as far as they aren't known. When this resolves, they are on disk. */
  async add(entries: readonly (readonly [string, CacheEntry])[]): Promise<void> {
    const usedAtMs = this.#clock();
    for (const [key, entry] of entries) {
      if (!this.#entries.has(key)) this.#entries.set(key, { ...entry, usedAtMs, uses: 0 });
    }
    await this.save();
  }

  /** By key. */
  entries(): ReadonlyMap<string, StoredEntry> {
    return this.#entries;
  }

  /** When this resolves, they are gone on disk, too. */
  async drop(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#entries.delete(key);
    await this.save();
  }

  /** Drops what is beyond the bounds and writes the rest. */
  async save(): Promise<void> {
    this.#prune();
    const work = this.#writing.then(() => writeFileAtomically(this.#path, JSON.stringify([...this.#entries])));
    this.#writing = work.catch(() => undefined);
    await work;
  }

  #prune(): void {
    const byAge = [...this.#entries].sort(([, a], [, b]) => b.usedAtMs - a.usedAtMs);
    let bytes = 0;
    for (const [index, [key, { layer }]] of byAge.entries()) {
      bytes += layer?.sizeBytes ?? 0;
      if (index >= this.#bounds.maxEntries || bytes > this.#bounds.maxBytes) this.#entries.delete(key);
    }
  }
}

function parseEntries(data: Buffer, where: string): [string, StoredEntry][] {
  return asArray(parseJson(data, where), where).map((value) => {
    const [key, entry] = asArray(value, where);
    const fields = asObject(entry, where);
    const stored: StoredEntry = {
      layer: optional(fields.layer, where, parseLayer),
      createdAtMs: asCount(fields.createdAtMs, where),
      usedAtMs: asCount(fields.usedAtMs, where),
      uses: optional(fields.uses, where, asCount) ?? 0,
    };
    return [asString(key, where), stored];
  });
}

function parseLayer(value: unknown, where: string): CachedLayer {
  const fields = asObject(value, where);
  return {
    diffId: asDigest(fields.diffId, where),
    chainId: asDigest(fields.chainId, where),
    digest: asDigest(fields.digest, where),
    size: asCount(fields.size, where),
    mediaType: optional(fields.mediaType, where, asString),
    sizeBytes: asCount(fields.sizeBytes, where),
  };
}

function asDigest(value: unknown, where: string): Digest {
  const text = asString(value, where);
  if (!isDigest(text)) throw new GantryError('CORRUPT', `${where}: ${text} is not a digest`);
  return text;
}
