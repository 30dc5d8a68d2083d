/**
 * Directories that RUN --mount=type=cache finds again: DATA_ROOT/build/caches/NAME has files, and mount.json with what
 * is known of it. Whoever has one open keeps it; a crash leaves it as it was left.
 */
import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import type { BuildCacheUsage } from '../../proto/generated/gantry/v1/engine.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import { writeFileAtomically } from '../image/atomic-file.ts';
import { asObject, asString, parseJson } from '../image/json-fields.ts';
import type { LayerWorkers } from '../image/layer-workers.ts';
import { type KeptUse, openKept, parseUse, usageOf } from './kept-directories.ts';
import type { RunMount } from './run-mounts.ts';

type CacheMount = Extract<RunMount, { kind: 'cache' }>;

interface Known extends KeptUse {
  readonly id: string;
}

export interface OpenCache {
  /** Its files. */
  readonly path: string;
  /** Tells that the step is done with it. */
  close(): Promise<void>;
}

export interface CacheMountsParts {
  /** DATA_ROOT */
  readonly dir: string;
  readonly workers: Pick<LayerWorkers, 'run'>;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly random: RandomBytes;
  readonly logger: Logger;
}

export class CacheMounts {
  readonly #parts: CacheMountsParts;
  readonly #dir: string;
  readonly #known = new Map<string, Known>();
  /** How many steps use each. */
  readonly #users = new Map<string, number>();
  readonly #lockedBy = new Map<string, Promise<void>>();
  readonly #making = new Map<string, Promise<void>>();

  constructor(parts: CacheMountsParts) {
    this.#parts = parts;
    this.#dir = join(parts.dir, 'build', 'caches');
  }

  /** Before any other call. What a crash cut off while it was made, or removed, goes. */
  async open(): Promise<void> {
    for (const [name, known] of await openKept(this.#dir, (one) => this.#read(one))) this.#known.set(name, known);
  }

  /**
   * Waits for a locked one that is in use. `fill` puts into the new directory what it begins with; `origin` says what
   * that is. Throws CANCELLED.
   */
  async take(
    mount: CacheMount,
    origin: string,
    fill: (directory: string) => Promise<void>,
    signal: AbortSignal,
  ): Promise<OpenCache> {
    const name = createHash('sha256')
      .update(JSON.stringify([mount.id, origin]))
      .digest('hex')
      .slice(0, 32);
    const unlock = mount.sharing === 'locked' ? await this.#lock(name, signal) : () => undefined;
    const free = mount.sharing === 'private' ? this.#firstFree(name) : name;
    this.#users.set(free, (this.#users.get(free) ?? 0) + 1);
    try {
      await this.#ensure(free, mount, fill);
    } catch (error) {
      this.#leave(free);
      unlock();
      throw error;
    }
    const close = async (): Promise<void> => {
      try {
        await this.#note(free, mount.id);
      } finally {
        this.#leave(free);
        unlock();
      }
    };
    return { path: join(this.#dir, free, 'files'), close };
  }

  usage(): BuildCacheUsage[] {
    return usageOf(this.#known);
  }

  /** Those of the names that are none's, or in use, stay. */
  async drop(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (!this.#known.has(name) || this.#users.has(name)) continue;
      this.#known.delete(name);
      const gone = join(this.#dir, `.gone-${this.#parts.random(8).toString('hex')}`);
      await rename(join(this.#dir, name), gone);
      await rm(gone, { recursive: true, force: true });
    }
  }

  async #lock(name: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => undefined);
    const abort = (): void => aborted.reject(new GantryError('CANCELLED', 'the build was cancelled'));
    signal.addEventListener('abort', abort);
    try {
      for (let holder = this.#lockedBy.get(name); holder !== undefined; holder = this.#lockedBy.get(name)) {
        await Promise.race([holder, aborted.promise]);
      }
      signal.throwIfAborted();
    } finally {
      signal.removeEventListener('abort', abort);
    }
    const held = Promise.withResolvers<void>();
    this.#lockedBy.set(name, held.promise);
    return () => {
      this.#lockedBy.delete(name);
      held.resolve();
    };
  }

  #firstFree(name: string): string {
    for (let number = 0; ; number++) {
      const candidate = number === 0 ? name : `${name}-${number}`;
      if (!this.#users.has(candidate)) return candidate;
    }
  }

  #leave(name: string): void {
    const left = (this.#users.get(name) ?? 1) - 1;
    if (left === 0) this.#users.delete(name);
    else this.#users.set(name, left);
  }

  /** Of several steps at once, one makes it. */
  async #ensure(name: string, mount: CacheMount, fill: (directory: string) => Promise<void>): Promise<void> {
    if (this.#known.has(name)) return;
    const making = this.#making.get(name) ?? this.#make(name, mount, fill).finally(() => this.#making.delete(name));
    this.#making.set(name, making);
    await making;
  }

  async #make(name: string, mount: CacheMount, fill: (directory: string) => Promise<void>): Promise<void> {
    const temporary = join(this.#dir, `.new-${this.#parts.random(8).toString('hex')}`);
    const files = join(temporary, 'files');
    try {
      await mkdir(files, { recursive: true });
      await fill(files);
      await chown(files, mount.uid, mount.gid);
      await chmod(files, mount.mode);
      const now = this.#parts.clock();
      const known: Known = { id: mount.id, sizeBytes: 0, createdAtMs: now, usedAtMs: now, uses: 0 };
      await writeFileAtomically(join(temporary, 'mount.json'), JSON.stringify(known));
      await rename(temporary, join(this.#dir, name));
      this.#known.set(name, known);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /** What it takes now, and that it was used. */
  async #note(name: string, id: string): Promise<void> {
    const directory = join(this.#dir, name);
    const { sizes } = await this.#parts.workers.run({ kind: 'measure', directories: [join(directory, 'files')] });
    const before = this.#known.get(name);
    const usedAtMs = this.#parts.clock();
    const createdAtMs = before?.createdAtMs ?? usedAtMs;
    const known: Known = { id, sizeBytes: sizes[0] ?? 0, createdAtMs, usedAtMs, uses: (before?.uses ?? 0) + 1 };
    this.#known.set(name, known);
    await writeFileAtomically(join(directory, 'mount.json'), JSON.stringify(known));
  }

  async #read(name: string): Promise<Known | undefined> {
    if (name.startsWith('.')) return undefined;
    const path = join(this.#dir, name, 'mount.json');
    try {
      const fields = asObject(parseJson(await readFile(path), path), path);
      return {
        id: asString(fields.id, path),
        ...parseUse(fields, path),
      };
    } catch (error) {
      this.#parts.logger.warn({ err: error, cache: name }, 'dropping a cache mount that cannot be read');
      return undefined;
    }
  }
}
