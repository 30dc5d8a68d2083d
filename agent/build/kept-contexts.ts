/**
 * Contexts of directories that are built again: DATA_ROOT/build/kept/NAME has files, listing.json with what they are, and
 * kept.json with what is known of them. While a build changes one it has no kept.json, and after a crash then it is dropped.
 * So are all when the host was started anew: nobody waited until their files were on the disk, and after a power cut there may
 * be less in them than was sent.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import type { BuildCacheUsage, ContextFile } from '../../proto/generated/gantry/v1/engine.ts';
import { type Digest, isDigest } from '../../proto/ids.ts';
import { resolveInRoot } from '../container/root-files.ts';
import { writeFileAtomically } from '../image/atomic-file.ts';
import { asArray, asCount, asObject, asString, parseJson } from '../image/json-fields.ts';
import { planContextUpdate } from './context-listing.ts';
import { excessOf, type KeptLimits, type KeptUse, openKept, parseUse, usageOf } from './kept-directories.ts';

/** One that a build has for itself. */
export interface OpenContext {
  /** Its files: those that stay the same, until the others are put there. */
  readonly root: string;
  /** Indexes of files in the new listing that are to be put there. */
  readonly wanted: readonly number[];
  /** Not a file is other than it was: there is nothing to put there, or to remove. */
  readonly isUnchanged: boolean;
  /** Of all its files, if that is known of them. */
  readonly content: Digest | undefined;
  /** They are, but for some that have been removed since. */
  keep(removed: ReadonlySet<string>): Promise<void>;
  /** Of files that are kept. */
  noteContent(content: Digest): Promise<void>;
  /** The build is done with it. What isn't to be kept goes. */
  close(): Promise<void>;
}

/** What becomes of a build whose files are others than those of the build that has the context: it waits for that one, or does without. */
export interface TakeOptions {
  readonly whenOther: 'wait' | 'without';
  readonly signal: AbortSignal;
}

export interface KeptContextsParts {
  /** DATA_ROOT */
  readonly dir: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** /proc/sys/kernel/random/boot_id */
  readonly bootId: string;
  readonly logger: Logger;
}

interface Known extends KeptUse {
  readonly content: Digest | undefined;
}

/** By builds that go on at once. */
interface ContextUse {
  builds: number;
  /** Its files are there, and stay as they are as long as a build has them. */
  isSettled: boolean;
  /** Resolves when that is so, or nobody has them any more. */
  readonly settled: PromiseWithResolvers<void>;
  readonly closed: PromiseWithResolvers<void>;
}

const LIMITS: KeptLimits = { maxBytes: 8 * 2 ** 30, maxCount: 200 };

export class KeptContexts {
  readonly #parts: KeptContextsParts;
  readonly #dir: string;
  /** Listings may be long, and stay on disk. */
  readonly #known = new Map<string, Known>();
  readonly #open = new Map<string, ContextUse>();
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: KeptContextsParts) {
    this.#parts = parts;
    this.#dir = join(parts.dir, 'build', 'kept');
  }

  /** Before any other call. */
  async open(): Promise<void> {
    for (const [name, known] of await openKept(this.#dir, (one) => this.#read(one))) this.#known.set(name, known);
  }

  /**
   * `id` is the client's for its directory, which has these files now. Builds of the same files have it together: all but the first
   * wait until that one's files are there. Undefined while another build has other ones, if that is not to be waited for.
   */
  async take(id: string, files: readonly ContextFile[], options: TakeOptions): Promise<OpenContext | undefined> {
    const name = nameOf(id);
    for (let use = this.#open.get(name); use !== undefined; use = this.#open.get(name)) {
      await orAborted(use.settled.promise, options.signal);
      const shared = use.isSettled ? await this.#share(name, files, use) : undefined;
      if (shared !== undefined) return shared;
      if (use.isSettled && options.whenOther === 'without') return undefined;
      await orAborted(use.closed.promise, options.signal);
    }
    return await this.#takeAlone(name, files);
  }

  async #takeAlone(name: string, files: readonly ContextFile[]): Promise<OpenContext> {
    const use: ContextUse = { builds: 1, isSettled: false, settled: resolvable(), closed: resolvable() };
    this.#open.set(name, use);
    const close = async (): Promise<void> => {
      if (!use.isSettled) await this.#remove(name);
      await this.#release(name, use);
    };
    try {
      const before = this.#known.get(name);
      const listing = before === undefined ? [] : await this.#listingOf(name);
      const { wanted, gone } = planContextUpdate(listing, files);
      const root = join(this.#dir, name, 'files');
      const isUnchanged = before !== undefined && this.#known.has(name) && wanted.length + gone.length === 0;
      if (!isUnchanged) {
        await rm(join(this.#dir, name, 'kept.json'), { force: true });
        await mkdir(root, { recursive: true });
        for (const path of gone) await removeIn(root, path);
      }
      const keep = async (removed: ReadonlySet<string>): Promise<void> => {
        const left = files.filter((file) => !removed.has(file.name));
        if (isUnchanged && removed.size === 0) this.#known.set(name, this.#usedNow(before));
        else await this.#note(name, left, before);
        settle(use);
      };
      const noteContent = (content: Digest) => this.#noteContent(name, content);
      return { root, wanted, isUnchanged, content: isUnchanged ? before.content : undefined, keep, noteContent, close };
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** With the builds that have it; undefined when these files are others. */
  async #share(name: string, files: readonly ContextFile[], use: ContextUse): Promise<OpenContext | undefined> {
    use.builds += 1;
    const close = () => this.#release(name, use);
    const { wanted, gone } = planContextUpdate(await this.#listingOf(name), files);
    const known = this.#known.get(name);
    if (known === undefined || wanted.length + gone.length > 0) {
      await close();
      return undefined;
    }
    const keep = async (): Promise<void> => void this.#known.set(name, this.#usedNow(this.#known.get(name) ?? known));
    const noteContent = (content: Digest) => this.#noteContent(name, content);
    const root = join(this.#dir, name, 'files');
    return { root, wanted, isUnchanged: true, content: known.content, keep, noteContent, close };
  }

  async #release(name: string, use: ContextUse): Promise<void> {
    use.builds -= 1;
    if (use.builds > 0) return;
    this.#open.delete(name);
    use.settled.resolve();
    use.closed.resolve();
    await this.#shrink();
  }

  /** One whose files are these, and nothing is known to be changing, to look at. */
  async peek(id: string, files: readonly ContextFile[]): Promise<OpenContext | undefined> {
    const name = nameOf(id);
    const known = this.#known.get(name);
    if (known?.content === undefined || this.#open.has(name)) return undefined;
    const { wanted, gone } = planContextUpdate(await this.#listingOf(name), files);
    if (wanted.length + gone.length > 0) return undefined;
    const nothing = async (): Promise<void> => undefined;
    return {
      ...{ root: join(this.#dir, name, 'files'), wanted, isUnchanged: true, content: known.content },
      ...{ keep: nothing, noteContent: nothing, close: nothing },
    };
  }

  usage(): BuildCacheUsage[] {
    return usageOf(this.#known);
  }

  /** Those of the names that are none's, or in use, stay. */
  async drop(names: readonly string[]): Promise<void> {
    for (const name of names) if (this.#known.has(name) && !this.#open.has(name)) await this.#remove(name);
  }

  async #note(name: string, files: readonly ContextFile[], before: Known | undefined): Promise<void> {
    const usedAtMs = this.#parts.clock();
    const use = before === undefined ? { usedAtMs, createdAtMs: usedAtMs, uses: 0 } : this.#usedNow(before);
    await writeFileAtomically(join(this.#dir, name, 'listing.json'), JSON.stringify(files));
    await this.#write(name, { ...use, sizeBytes: sizeOf(files), content: undefined });
  }

  #usedNow(before: Known): Known {
    return { ...before, usedAtMs: this.#parts.clock(), uses: before.uses + 1 };
  }

  async #noteContent(name: string, content: Digest): Promise<void> {
    const known = this.#known.get(name);
    if (known !== undefined) await this.#write(name, { ...known, content });
  }

  async #write(name: string, known: Known): Promise<void> {
    const text = JSON.stringify({ ...known, bootId: this.#parts.bootId });
    // Builds that share it may find out at once what is in it.
    const work = this.#writing.then(() => writeFileAtomically(join(this.#dir, name, 'kept.json'), text));
    this.#writing = work.catch(() => undefined);
    await work;
    this.#known.set(name, known);
  }

  async #shrink(): Promise<void> {
    await this.drop(excessOf(this.#known, LIMITS));
  }

  async #remove(name: string): Promise<void> {
    this.#known.delete(name);
    // This first: what a crash leaves of it isn't taken for whole.
    await rm(join(this.#dir, name, 'kept.json'), { force: true });
    await rm(join(this.#dir, name), { recursive: true, force: true });
  }

  /** One that can't be read is none, and its files go. */
  async #listingOf(name: string): Promise<ContextFile[]> {
    const path = join(this.#dir, name, 'listing.json');
    try {
      return asArray(parseJson(await readFile(path), path), path).map((value) => parseFile(value, path));
    } catch (error) {
      this.#parts.logger.warn({ err: error, context: name }, 'dropping a build context that cannot be read');
      await this.#remove(name);
      return [];
    }
  }

  async #read(name: string): Promise<Known | undefined> {
    const path = join(this.#dir, name, 'kept.json');
    try {
      const fields = asObject(parseJson(await readFile(path), path), path);
      if (fields.bootId !== this.#parts.bootId) return undefined;
      const { content } = fields;
      return {
        ...parseUse(fields, path),
        content: typeof content === 'string' && isDigest(content) ? content : undefined,
      };
    } catch (error) {
      this.#parts.logger.info({ err: error, context: name }, 'dropping a build context that is not whole');
      return undefined;
    }
  }
}

function resolvable(): PromiseWithResolvers<void> {
  return Promise.withResolvers<void>();
}

function settle(use: ContextUse): void {
  use.isSettled = true;
  use.settled.resolve();
}

/** Rejects when the signal aborts. */
async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const aborted = once(signal, 'abort', { signal: over.signal }).catch(() => undefined);
  try {
    await Promise.race([promise, ...(signal.aborted ? [] : [aborted])]);
  } finally {
    over.abort();
  }
  signal.throwIfAborted();
}

function nameOf(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 32);
}

function parseFile(value: unknown, where: string): ContextFile {
  const { name, mode, size, changedAtMs, link, stamp = '', unsettled } = asObject(value, where);
  if (typeof changedAtMs !== 'number') throw new GantryError('CORRUPT', `${where}: changedAtMs is no number`);
  return {
    ...{ name: asString(name, where), mode: asCount(mode, where), size: asCount(size, where), changedAtMs },
    ...{ link: asString(link, where), stamp: asString(stamp, where), unsettled: unsettled === true },
  };
}

function sizeOf(files: readonly ContextFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

/** Links on the way lead no further than the root. */
async function removeIn(root: string, path: string): Promise<void> {
  await rm(join(resolveInRoot(root, dirname(path)), basename(path)), { recursive: true, force: true });
}
