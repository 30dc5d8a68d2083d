/**
 * Writable file systems over images: DATA_ROOT/snapshots/KEY has fs (overlayfs' upper directory), work, and
 * snapshot.json, which says over what. It appears whole, by a rename, and goes by one.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { Native } from '../../native/addon/native.ts';
import { GantryError } from '../../proto/errors.ts';
import { type Digest, isDigest, type RandomBytes } from '../../proto/ids.ts';
import type { GarbageCollector } from './garbage.ts';
import type { ImageRecord } from './image-index.ts';
import type { Snapshots } from './images.ts';
import { asArray, asObject, asString, parseJson } from './json-fields.ts';
import type { Change } from './layer/changes.ts';
import { DIRECTORY_FLAGS } from './layer/tree-entry.ts';
import type { LayerStore } from './layer-store.ts';
import type { LayerWorkers } from './layer-workers.ts';
import { hasOwnFileSystem, unmountAll } from './mounts.ts';
import { Trash } from './trash.ts';

/** What snapshots need of the image store. */
export interface SnapshotImages {
  readonly layers: LayerStore;
  readonly garbage: GarbageCollector;
  readonly workers: LayerWorkers;
  find(reference: string): ImageRecord;
}

export interface SnapshotStoreOptions {
  /** DATA_ROOT */
  readonly dir: string;
  readonly images: SnapshotImages;
  readonly native: Pick<Native, 'mountOverlay' | 'unmount' | 'spreadSubdirectories'>;
  readonly random: RandomBytes;
  readonly logger: Logger;
}

const KEY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/**
 * A volatile mount leaves it behind, and overlayfs then refuses to mount the directories again: after a crash of the host
 * they may be damaged. One whose host has crashed is removed, not mounted. Source: Documentation/filesystems/overlayfs.rst.
 */
const VOLATILE_MARK = 'work/incompat/volatile';

export class SnapshotStore implements Snapshots {
  readonly #dir: string;
  readonly #images: SnapshotImages;
  readonly #native: Pick<Native, 'mountOverlay' | 'unmount' | 'spreadSubdirectories'>;
  readonly #random: RandomBytes;
  readonly #logger: Logger;
  readonly #trash: Trash;
  /** Chain ids of each snapshot's layers, lowest first. */
  readonly #layers = new Map<string, readonly Digest[]>();

  constructor(options: SnapshotStoreOptions) {
    this.#dir = join(options.dir, 'snapshots');
    this.#images = options.images;
    this.#native = options.native;
    this.#random = options.random;
    this.#logger = options.logger.child({ component: 'snapshots' });
    this.#trash = new Trash({
      dir: join(options.dir, 'snapshots', '.trash'),
      random: options.random,
      logger: this.#logger,
    });
    this.#images.garbage.addSource(() => ({ blobs: [], layers: [...this.#layers.values()].flat() }));
  }

  /** Reads what is on disk and clears what a crash left. After the image store's open, before any other call. */
  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    await this.#trash.open();
    await mkdir(this.#temporaryDirectory(), { recursive: true });
    // A crash within openMerged leaves a mount.
    for (const name of await readdir(this.#temporaryDirectory())) {
      await unmountAll(this.#native, join(this.#temporaryDirectory(), name));
    }
    await this.#trash.discard(this.#temporaryDirectory());
    await mkdir(this.#temporaryDirectory());
    // ext4 searches for an inode among those that were deleted of late, which are many where containers come and go.
    this.#native.spreadSubdirectories(this.#temporaryDirectory());
    for (const name of await readdir(this.#dir)) {
      if (KEY.test(name)) await this.#restore(name);
    }
  }

  /** When all removed snapshots are deleted. */
  async settled(): Promise<void> {
    await this.#trash.settled();
  }

  async prepare(key: string, image: Digest): Promise<void> {
    if (!KEY.test(key)) throw new GantryError('INVALID_ARGUMENT', `invalid snapshot key ${JSON.stringify(key)}`);
    await this.prepareLayers(key, this.#images.find(image).chainIds);
  }

  /** Like {@link prepare}, over layers that needn't be an image's: chain ids, lowest first. */
  async prepareLayers(key: string, layers: readonly Digest[]): Promise<void> {
    if (this.#layers.has(key)) return;
    try {
      this.#create(key, layers);
      this.#layers.set(key, layers);
    } catch (error) {
      throw new GantryError('HOST', `making the writable layer of ${key} failed: ${String(error)}`, { cause: error });
    }
  }

  async mount(key: string, target: string, durability: 'durable' | 'volatile'): Promise<void> {
    const layers = this.#layers.get(key);
    if (layers === undefined) throw new GantryError('NOT_FOUND', `there is no snapshot ${key}`);
    mkdirSync(target, { recursive: true });
    if (hasOwnFileSystem(target)) return;
    const lower = this.#lower(key, layers);
    const work = join(this.#dir, key, 'work');
    try {
      rmSync(join(work, VOLATILE_MARK), { recursive: true, force: true });
      await this.#native.mountOverlay({ lower, upper: this.upper(key), work, target, durability });
    } catch (error) {
      throw new GantryError('HOST', `mounting the file system of ${key} at ${target} failed: ${String(error)}`, {
        cause: error,
      });
    }
  }

  async openMerged(key: string, target: string): Promise<FileHandle> {
    const mounted = await openMount(target);
    if (mounted !== undefined) return mounted;
    const layers = this.#layers.get(key);
    if (layers === undefined) throw new GantryError('NOT_FOUND', `there is no snapshot ${key}`);
    const view = join(this.#temporaryDirectory(), this.#random(8).toString('hex'));
    await mkdir(view);
    try {
      // Without an upper directory nothing is written, and mounting the snapshot itself meanwhile is no second use of it.
      const lower = [this.upper(key), ...this.#lower(key, layers)];
      await this.#native.mountOverlay({ lower, upper: null, work: null, target: view, durability: 'durable' });
      return await open(view, DIRECTORY_FLAGS);
    } catch (error) {
      throw new GantryError('HOST', `opening the file system of ${key} failed: ${String(error)}`, { cause: error });
    } finally {
      await unmountAll(this.#native, view);
      await rmdir(view);
    }
  }

  async changes(key: string, mountPoints: readonly string[]): Promise<readonly Change[]> {
    const layers = this.#layers.get(key);
    if (layers === undefined) throw new GantryError('NOT_FOUND', `there is no snapshot ${key}`);
    const [upper, lower] = [this.upper(key), this.#lower(key, layers)];
    return (await this.#images.workers.run({ kind: 'changes', upper, lower, mountPoints })).changes;
  }

  /** Topmost first. */
  #lower(key: string, layers: readonly Digest[]): string[] {
    // overlayfs wants a lower directory; an image without layers has an empty one.
    if (layers.length === 0) return [join(this.#dir, key, 'empty')];
    return layers.map((id) => this.#images.layers.directory(id)).reverse();
  }

  async unmount(target: string): Promise<void> {
    await unmountAll(this.#native, target);
  }

  async remove(key: string): Promise<void> {
    if (!KEY.test(key)) return;
    await this.#trash.discard(join(this.#dir, key));
    this.#layers.delete(key);
  }

  has(key: string): boolean {
    return this.#layers.has(key);
  }

  list(): string[] {
    return [...this.#layers.keys()];
  }

  upper(key: string): string {
    return join(this.#dir, key, 'fs');
  }

  /** A few inodes: asking the thread pool for each takes longer than making them. */
  #create(key: string, layers: readonly Digest[]): void {
    const temporary = join(this.#temporaryDirectory(), this.#random(8).toString('hex'));
    mkdirSync(join(temporary, 'fs'), { recursive: true, mode: 0o755 });
    mkdirSync(join(temporary, 'work'));
    if (layers.length === 0) mkdirSync(join(temporary, 'empty'));
    this.#copyRootAttributes(join(temporary, 'fs'), layers.at(-1));
    writeFileSync(join(temporary, 'snapshot.json'), JSON.stringify({ layers }));
    renameSync(temporary, join(this.#dir, key));
  }

  /** The merged root directory is the upper one: without this it would lose the image's mode and owner. */
  #copyRootAttributes(upper: string, top: Digest | undefined): void {
    if (top === undefined) return;
    const { uid, gid, mode, mtime } = statSync(this.#images.layers.directory(top));
    chownSync(upper, uid, gid);
    chmodSync(upper, mode & 0o7777);
    utimesSync(upper, mtime, mtime);
  }

  /** A damaged one is left alone: what a container has written isn't ours to throw away. */
  async #restore(key: string): Promise<void> {
    try {
      this.#layers.set(key, await this.#read(key));
    } catch (error) {
      this.#logger.error({ err: error, snapshot: key }, 'leaving out a snapshot that cannot be read');
    }
  }

  async #read(key: string): Promise<readonly Digest[]> {
    const path = join(this.#dir, key, 'snapshot.json');
    const fields = asObject(parseJson(await readFile(path), path), path);
    return asArray(fields.layers, `${path}: layers`).map((value, index) => {
      const digest = asString(value, `${path}: layers[${index}]`);
      if (!isDigest(digest)) throw new GantryError('CORRUPT', `${path}: ${digest} is not a digest`);
      return digest;
    });
  }

  #temporaryDirectory(): string {
    return join(this.#dir, '.tmp');
  }
}

/** The directory, if something is mounted there. */
async function openMount(target: string): Promise<FileHandle | undefined> {
  if (!existsSync(target)) return undefined;
  const directory = await open(target, DIRECTORY_FLAGS);
  // Asked of what is open: it may have been unmounted a moment ago.
  if ((await directory.stat()).dev !== statSync(dirname(target)).dev) return directory;
  await directory.close();
  return undefined;
}
