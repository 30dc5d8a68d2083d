/**
 * Unpacked layers by chain id: DATA_ROOT/layers/HEX/fs is a directory as overlayfs wants it, HEX/layer.json says
 * what it is. A layer appears by a rename, whole; what an interrupted unpacking left lies in layers/tmp and is
 * removed at the next start.
 */

import { renameSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Native } from '../../native/addon/native.ts';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import { type Digest, isDigest, type RandomBytes } from '../../proto/ids.ts';
import { chainId, chainIds } from './chain-id.ts';
import { EarlyLayers, type UnpackedDirectory } from './early-layers.ts';
import { inheritAttributes } from './inherited-attributes.ts';
import { asCount, asObject, asString, parseJson } from './json-fields.ts';
import type { ApplyOptions } from './layer/applier.ts';
import { LAYER_LIMITS } from './layer/limits.ts';
import type { LayerWorkers } from './layer-workers.ts';
import type { Lease } from './lease.ts';
import { Trash } from './trash.ts';

export interface Layer {
  readonly chainId: Digest;
  readonly diffId: Digest;
  readonly parent: Digest | undefined;
  /** Sum of the files' sizes. */
  readonly sizeBytes: number;
}

/** A layer that is to be there: its blob and what it must unpack to. */
export interface LayerSource {
  readonly archive: string;
  /** Of the blob; verified by the content store. */
  readonly digest: Digest;
  readonly diffId: Digest;
  /** When the blob is there, for one that is on its way. Rejects when it won't be. */
  readonly arrived?: Promise<void>;
  /** Called when it is unpacked. */
  readonly onUnpacked?: () => void;
  /** Called when it, as the first of its image, can't be had: the others needn't come any more. */
  readonly onFailed?: (error: unknown) => void;
  /** When nobody wants it any more. */
  readonly signal?: AbortSignal;
}

const OPTIONS: ApplyOptions = { whiteouts: 'overlay', ...LAYER_LIMITS };

export class LayerStore {
  readonly #dir: string;
  readonly #workers: LayerWorkers;
  readonly #random: RandomBytes;
  readonly #native: Pick<Native, 'spreadSubdirectories'>;
  readonly #logger: Logger;
  readonly #trash: Trash;
  readonly #layers = new Map<Digest, Layer>();
  readonly #inFlight = new Map<Digest, Promise<Layer>>();
  readonly early = new EarlyLayers({
    unpack: (archive, verified) => this.#unpack(archive, verified, archive),
    discard: (directory) => this.#trash.discard(directory),
    isUnpacked: (diffId) => this.list().some((layer) => layer.diffId === diffId),
  });

  constructor(options: {
    readonly dir: string;
    readonly workers: LayerWorkers;
    readonly random: RandomBytes;
    readonly native: Pick<Native, 'spreadSubdirectories'>;
    readonly logger: Logger;
  }) {
    this.#dir = join(options.dir, 'layers');
    this.#workers = options.workers;
    this.#random = options.random;
    this.#native = options.native;
    this.#logger = options.logger;
    this.#trash = new Trash({ dir: join(this.#dir, 'trash'), random: options.random, logger: options.logger });
  }

  /** Reads what is there. Before any other call. */
  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    await this.#trash.open();
    await this.#trash.discard(this.#temporaryDirectory());
    await mkdir(this.#temporaryDirectory());
    // ext4 looks for a place near the layer before, among the inodes of those that were removed of late: half of the time
    // that unpacking takes.
    this.#native.spreadSubdirectories(this.#temporaryDirectory());
    for (const name of await readdir(this.#dir)) {
      if (isDigest(`sha256:${name}`)) await this.#read(name);
    }
  }

  get(id: Digest): Layer | undefined {
    return this.#layers.get(id);
  }

  list(): Layer[] {
    return [...this.#layers.values()];
  }

  /** The layer's own directory, a lower directory for overlayfs. */
  directory(id: Digest): string {
    return join(this.#place(id), 'fs');
  }

  /**
   * Makes sure that all these layers, lowest first, are unpacked; those missing are unpacked side by side. The same
   * layer wanted twice at once is unpacked once. `image` is for errors. Throws CORRUPT when one has another diff id; all
   * that has begun has ended then.
   */
  async ensure(sources: readonly LayerSource[], image: string, lease: Lease): Promise<readonly Layer[]> {
    const pending: Promise<Layer>[] = [];
    const failed = new AbortController();
    let parent: Digest | undefined;
    for (const id of chainIds(sources.map(({ diffId }) => diffId))) lease.keepLayer(id);
    for (const [index, source] of sources.entries()) {
      const id = chainId(parent, source.diffId);
      const signal = AbortSignal.any([failed.signal, ...(source.signal === undefined ? [] : [source.signal])]);
      const work = this.#ensureArrived(
        id,
        parent,
        pending.at(-1),
        { ...source, signal },
        `layer ${index + 1} of ${image}`,
      );
      pending.push(
        work.catch((error: unknown) => {
          if (!failed.signal.aborted) source.onFailed?.(error);
          // Keeps the first.
          failed.abort(error);
          throw error;
        }),
      );
      parent = id;
    }
    await Promise.allSettled(pending);
    if (failed.signal.aborted) throw failed.signal.reason;
    return await Promise.all(pending);
  }

  /** Unpacks a layer without parent whose diff id isn't known yet: an imported root file system. */
  async unpackBase(archive: string, name: string, lease: Lease, signal?: AbortSignal): Promise<Layer> {
    const { directory, unpacked } = await this.#unpack(archive, undefined, name, signal);
    lease.keepLayer(unpacked.diffId);
    const layer: Layer = {
      chainId: unpacked.diffId,
      diffId: unpacked.diffId,
      parent: undefined,
      sizeBytes: unpacked.sizeBytes,
    };
    return await this.#commit(layer, directory);
  }

  /** Makes a directory as overlayfs wants it (an upper directory) a layer, by renaming it. */
  async adopt(layer: Omit<Layer, 'chainId'>, upper: string, lease: Lease): Promise<Layer> {
    const id = chainId(layer.parent, layer.diffId);
    lease.keepLayer(id);
    const directory = await this.#makeTemporary();
    await rename(upper, join(directory, 'fs'));
    return await this.#commit({ ...layer, chainId: id }, directory);
  }

  /** When this returns, it is gone; its files are deleted by and by. */
  remove(id: Digest): void {
    this.#layers.delete(id);
    this.#trash.discardNow(this.#place(id));
  }

  /** When all removed layers are deleted. */
  async settled(): Promise<void> {
    await this.#trash.settled();
  }

  async #ensureArrived(
    id: Digest,
    parent: Digest | undefined,
    below: Promise<Layer> | undefined,
    source: LayerSource,
    name: string,
  ): Promise<Layer> {
    await source.arrived;
    const layer = await this.#ensureOne(id, parent, below, source, name);
    source.onUnpacked?.();
    return layer;
  }

  #ensureOne(
    id: Digest,
    parent: Digest | undefined,
    below: Promise<Layer> | undefined,
    source: LayerSource,
    name: string,
  ): Promise<Layer> {
    const present = this.#layers.get(id);
    if (present !== undefined) return Promise.resolve(present);
    const running = this.#inFlight.get(id);
    // The other one may be of an image that is given up, with a layer below that never comes.
    if (running !== undefined) return running.catch(() => this.#ensureOne(id, parent, below, source, name));
    const work = this.#add(id, parent, below, source, name).finally(() => this.#inFlight.delete(id));
    this.#inFlight.set(id, work);
    return work;
  }

  async #add(
    id: Digest,
    parent: Digest | undefined,
    below: Promise<Layer> | undefined,
    source: LayerSource,
    name: string,
  ): Promise<Layer> {
    // A compressed blob can't have the digest of what it unpacks to: this one isn't, or the image lies.
    const verified = source.digest === source.diffId ? source.digest : undefined;
    const early = await this.early.take(source.digest);
    const { directory, unpacked } = early ?? (await this.#unpack(source.archive, verified, name, source.signal));
    try {
      if (unpacked.diffId !== source.diffId) {
        throw new GantryError('CORRUPT', `${name} unpacks to ${unpacked.diffId} instead of ${source.diffId}`);
      }
      await below;
      const lower = this.#lineage(parent).map((layer) => this.directory(layer.chainId));
      await inheritAttributes(join(directory, 'fs'), unpacked.implicit, lower);
    } catch (error) {
      await this.#trash.discard(directory);
      throw error;
    }
    return await this.#commit({ chainId: id, diffId: source.diffId, parent, sizeBytes: unpacked.sizeBytes }, directory);
  }

  async #unpack(
    archive: string,
    verified: Digest | undefined,
    name: string,
    signal?: AbortSignal,
  ): Promise<UnpackedDirectory> {
    const directory = await this.#makeTemporary();
    const target = join(directory, 'fs');
    try {
      await mkdir(target, { mode: 0o755 });
      const unpacked = await this.#workers.run({ kind: 'unpack', archive, target, options: OPTIONS, verified }, signal);
      this.#logger.debug({ archive, entries: unpacked.entries, bytes: unpacked.sizeBytes }, 'unpacked a layer');
      return { directory, unpacked };
    } catch (error) {
      await this.#trash.discard(directory);
      const { code, message, hint } = toGantryError(error);
      throw new GantryError(code, `unpacking ${name}: ${message}`, { hint, cause: error });
    }
  }

  /** Of those who make the same layer at once one is first, and what he made is never replaced: somebody may use it. */
  async #commit(layer: Layer, directory: string): Promise<Layer> {
    await writeFile(join(directory, 'layer.json'), JSON.stringify(layer));
    const present = this.#layers.get(layer.chainId);
    if (present !== undefined) {
      this.#trash.discardNow(directory);
      return present;
    }
    const final = this.#place(layer.chainId);
    // One that lies there without being known was unreadable at the start.
    this.#trash.discardNow(final);
    renameSync(directory, final);
    this.#layers.set(layer.chainId, layer);
    return layer;
  }

  /** The layer and those below it, topmost first. */
  #lineage(top: Digest | undefined): readonly Layer[] {
    const lineage: Layer[] = [];
    for (let layer = top && this.#layers.get(top); layer; layer = layer.parent && this.#layers.get(layer.parent)) {
      lineage.push(layer);
    }
    return lineage;
  }

  async #read(name: string): Promise<void> {
    const path = join(this.#dir, name, 'layer.json');
    try {
      const fields = asObject(parseJson(await readFile(path), path), path);
      const layer = toLayer(fields, path);
      if (layer.chainId !== `sha256:${name}`) throw new GantryError('CORRUPT', `${path} is of another layer`);
      this.#layers.set(layer.chainId, layer);
    } catch (error) {
      this.#logger.error({ err: error, layer: name }, 'removing a damaged layer; it is unpacked again when wanted');
      await this.#trash.discard(join(this.#dir, name));
    }
  }

  #place(id: Digest): string {
    return join(this.#dir, id.slice('sha256:'.length));
  }

  #temporaryDirectory(): string {
    return join(this.#dir, 'tmp');
  }

  async #makeTemporary(): Promise<string> {
    const path = join(this.#temporaryDirectory(), this.#random(8).toString('hex'));
    await mkdir(path);
    return path;
  }
}

function toLayer(fields: Readonly<Record<string, unknown>>, where: string): Layer {
  const digest = (key: string): Digest => {
    const text = asString(fields[key], `${where}: ${key}`);
    if (!isDigest(text)) throw new GantryError('CORRUPT', `${where}: ${key} is not a digest`);
    return text;
  };
  return {
    chainId: digest('chainId'),
    diffId: digest('diffId'),
    parent: fields.parent === undefined ? undefined : digest('parent'),
    sizeBytes: asCount(fields.sizeBytes, `${where}: sizeBytes`),
  };
}
