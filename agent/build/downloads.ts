/**
 * Files that ADD has downloaded, kept to be asked for again only if they have changed: DATA_ROOT/build/downloads/NAME
 * has data, and download.json with what is known of it. Whatever isn't complete is none.
 */
import { createHash } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { GantryError } from '../../proto/errors.ts';
import type { BuildCacheUsage } from '../../proto/generated/gantry/v1/engine.ts';
import type { RandomBytes } from '../../proto/ids.ts';
import { writeFileAtomically } from '../image/atomic-file.ts';
import { asObject, asString, parseJson } from '../image/json-fields.ts';
import { excessOf, type KeptLimits, type KeptUse, openKept, parseUse, usageOf } from './kept-directories.ts';
import { type Download, downloadFile, type Version, wrongChecksum } from './remote-files.ts';

interface Known extends Version, KeptUse {
  readonly url: string;
}

export interface DownloadsParts {
  /** DATA_ROOT */
  readonly dir: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly random: RandomBytes;
  readonly logger: Logger;
}

const LIMITS: KeptLimits = { maxBytes: 4 * 2 ** 30, maxCount: 1000 };

export class Downloads {
  readonly #parts: DownloadsParts;
  readonly #dir: string;
  readonly #known = new Map<string, Known>();
  /** By name: what is done with it, one after the other. */
  readonly #turns = new Map<string, Promise<void>>();

  constructor(parts: DownloadsParts) {
    this.#parts = parts;
    this.#dir = join(parts.dir, 'build', 'downloads');
  }

  /** Before any other call. What a crash cut off goes. */
  async open(): Promise<void> {
    for (const [name, known] of await openKept(this.#dir, (one) => this.#read(one))) this.#known.set(name, known);
  }

  /** Makes the file, which mustn't be changed. Throws as downloadFile. */
  async fetch(request: Download, signal: AbortSignal): Promise<void> {
    const name = createHash('sha256').update(request.url).digest('hex').slice(0, 32);
    const before = this.#turns.get(name) ?? Promise.resolve();
    const turn = before.then(() => this.#fetch(name, request, signal));
    const ended = turn.catch(() => undefined);
    this.#turns.set(name, ended);
    try {
      await untilAborted(turn, signal, request);
    } finally {
      if (this.#turns.get(name) === ended) this.#turns.delete(name);
    }
    await this.#shrink();
  }

  usage(): BuildCacheUsage[] {
    return usageOf(this.#known);
  }

  /** Those of the names that are none's, or in use, stay. */
  async drop(names: readonly string[]): Promise<void> {
    for (const name of names) if (this.#known.has(name) && !this.#turns.has(name)) await this.#remove(name);
  }

  async #fetch(name: string, request: Download, signal: AbortSignal): Promise<void> {
    // While it waited for its turn.
    if (signal.aborted) throw cancelled(request);
    const known = this.#known.get(name);
    const data = join(this.#dir, name, 'data');
    const wanted = request.checksum?.hex;
    // Its digest says that it is the one: nobody needs to be asked.
    const isCertain = known !== undefined && known.sha256 === wanted;
    const version = isCertain ? 'unchanged' : await downloadFile(request, known, signal);
    if (version !== 'unchanged') return await this.#keep(name, request, version);
    if (known === undefined) return;
    if (wanted !== undefined && wanted !== known.sha256) throw wrongChecksum(request, known.sha256);
    await link(data, request.file);
    await this.#note(name, { ...known, usedAtMs: this.#parts.clock(), uses: known.uses + 1 });
  }

  /** One that a server can't say to be unchanged is kept by its digest alone. */
  async #keep(name: string, { url, file }: Download, version: Version & { sizeBytes: number }): Promise<void> {
    const now = this.#parts.clock();
    const temporary = this.#temporary('new');
    try {
      await mkdir(temporary);
      await link(file, join(temporary, 'data'));
      // Before its record: after a power cut that must not vouch for half a file.
      await syncFile(join(temporary, 'data'));
      const known: Known = { ...version, url, createdAtMs: now, usedAtMs: now, uses: 0 };
      await writeFileAtomically(join(temporary, 'download.json'), JSON.stringify(known));
      await this.#remove(name);
      await rename(temporary, join(this.#dir, name));
      this.#known.set(name, known);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  async #note(name: string, known: Known): Promise<void> {
    this.#known.set(name, known);
    await writeFileAtomically(join(this.#dir, name, 'download.json'), JSON.stringify(known));
  }

  async #shrink(): Promise<void> {
    await this.drop(excessOf(this.#known, LIMITS));
  }

  async #remove(name: string): Promise<void> {
    if (!this.#known.delete(name)) return;
    const gone = this.#temporary('gone');
    await rename(join(this.#dir, name), gone);
    await rm(gone, { recursive: true, force: true });
  }

  #temporary(what: string): string {
    return join(this.#dir, `.${what}-${this.#parts.random(8).toString('hex')}`);
  }

  async #read(name: string): Promise<Known | undefined> {
    if (name.startsWith('.')) return undefined;
    const path = join(this.#dir, name, 'download.json');
    try {
      const fields = asObject(parseJson(await readFile(path), path), path);
      return {
        url: asString(fields.url, path),
        etag: asString(fields.etag, path),
        lastModified: asString(fields.lastModified, path),
        sha256: asString(fields.sha256, path),
        ...parseUse(fields, path),
      };
    } catch (error) {
      this.#parts.logger.warn({ err: error, download: name }, 'dropping a download that cannot be read');
      return undefined;
    }
  }
}

/** Rejects when it is aborted, though another build's download, which comes before, goes on. */
async function untilAborted(turn: Promise<void>, signal: AbortSignal, request: Download): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const abort = (): void => aborted.reject(cancelled(request));
  signal.addEventListener('abort', abort);
  try {
    await Promise.race([turn, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function cancelled({ url }: Download): GantryError {
  return new GantryError('CANCELLED', `downloading ${url} was cancelled`);
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}
