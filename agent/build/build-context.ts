/** The build context: a tar from the client, unpacked below DATA_ROOT/build/contexts while the build runs. */
import { createWriteStream } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GantryError, toGantryError } from '../../proto/errors.ts';
import type { ContextFile, ImageBuildOptions } from '../../proto/generated/gantry/v1/engine.ts';
import type { Digest, RandomBytes } from '../../proto/ids.ts';
import { parseIgnorePatterns } from '../../proto/ignore-patterns.ts';
import { resolveInRoot } from '../container/root-files.ts';
import type { ApplyOptions } from '../image/layer/applier.ts';
import type { LayerWorkers } from '../image/layer-workers.ts';
import { findTarArchive } from './added-archive.ts';
import type { KeptContexts, OpenContext, TakeOptions } from './kept-contexts.ts';
import { checkOut, downloadFile } from './remote-files.ts';
import { parseRemoteSource } from './remote-source.ts';

const LIMITS: ApplyOptions = { whiteouts: 'literal', maxBytes: 64 * 2 ** 30, maxEntries: 2_000_000 };
const MAX_DOCKERFILE_BYTES = 16 << 20;
const DEFAULT_DOCKERFILE = 'Dockerfile';
const IGNORE_FILE = '.dockerignore';

export class BuildContext {
  /** Root of the unpacked files. */
  readonly root: string;
  readonly #dir: string;
  readonly #kept: OpenContext | undefined;
  #scratches = 0;

  /** Of files that are kept when the build is done, or of its own. */
  constructor(dir: string, kept?: OpenContext) {
    this.#dir = dir;
    this.#kept = kept;
    this.root = kept?.root ?? join(dir, 'files');
  }

  /** The Dockerfile's text and its name for errors. Throws NOT_FOUND. */
  async readDockerfile(path: string, text: string): Promise<{ name: string; text: string }> {
    const wanted = path === '' ? DEFAULT_DOCKERFILE : path;
    if (text !== '') return { name: wanted, text };
    // Docker takes this one, too.
    for (const name of path === '' ? [wanted, wanted.toLowerCase()] : [wanted]) {
      const data = await this.#read(name);
      if (data !== undefined) return { name, text: data };
    }
    throw new GantryError('NOT_FOUND', `there is no ${wanted} in the build context`, { hint: 'name it with --file' });
  }

  /**
   * Removes what the first of these files that is there leaves out. The client may have done so already, except for what
   * is read here.
   */
  async applyIgnoreFile(candidates: readonly string[]): Promise<void> {
    // What has been left out of it is, then.
    if (this.#kept?.isUnchanged) return await this.#kept.keep(new Set());
    const removed = new Set<string>();
    const ignores = await this.#readIgnoreFile(candidates);
    if (ignores !== undefined) await prune(this.root, '', ignores, removed);
    // Of files that are kept, those are sent again: the Dockerfile may be among them.
    await this.#kept?.keep(removed);
  }

  /** Of all its files, once an ignore file was applied; undefined where they aren't kept. */
  async content(workers: LayerWorkers): Promise<Digest | undefined> {
    if (this.#kept === undefined || this.#kept.content !== undefined) return this.#kept?.content;
    const job = { kind: 'scan', root: this.root, patterns: ['/'], excludes: [] } as const;
    const { digest } = await workers.run({ ...job, owners: 'keep', layout: 'names' });
    await this.#kept.noteContent(digest);
    return digest;
  }

  /** Path of a file or directory that the build may make, and that goes with the context. */
  scratch(): string {
    return join(this.#dir, `scratch-${this.#scratches++}`);
  }

  async remove(): Promise<void> {
    await this.#kept?.close();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #readIgnoreFile(candidates: readonly string[]): Promise<((path: string) => boolean) | undefined> {
    for (const path of candidates) {
      const text = await this.#read(path);
      if (text !== undefined) return parseIgnorePatterns(text, path).ignores;
    }
    return undefined;
  }

  async #read(path: string): Promise<string | undefined> {
    const absolute = resolveInRoot(this.root, path);
    try {
      const stats = await lstat(absolute);
      // A pipe or a device would be read without end.
      if (!stats.isFile()) throw new GantryError('INVALID_ARGUMENT', `${path} in the build context is not a file`);
      if (stats.size > MAX_DOCKERFILE_BYTES) throw new GantryError('INVALID_ARGUMENT', `${path} is too large`);
      return await readFile(absolute, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
        return undefined;
      throw error;
    }
  }
}

/**
 * Files that say what isn't part of the context: the Dockerfile's own, or else the common one. Of a directory whose Dockerfile
 * lies elsewhere, the client has left out what isn't.
 */
export function ignoreFiles(
  { dockerfileText, contextId }: Pick<ImageBuildOptions, 'dockerfileText' | 'contextId'>,
  dockerfile: string,
): string[] {
  if (dockerfileText === '') return [`${dockerfile}.dockerignore`, IGNORE_FILE];
  return contextId === '' ? [IGNORE_FILE] : [];
}

export class BuildContexts {
  readonly #dir: string;
  readonly #workers: LayerWorkers;
  readonly #kept: KeptContexts;
  readonly #random: RandomBytes;

  constructor(options: {
    readonly dir: string;
    readonly workers: LayerWorkers;
    readonly random: RandomBytes;
    readonly kept: KeptContexts;
  }) {
    this.#kept = options.kept;
    this.#dir = join(options.dir, 'build', 'contexts');
    this.#workers = options.workers;
    this.#random = options.random;
  }

  /** Removes what builds left that were cut off. */
  async open(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
  }

  /** The caller removes it. */
  async receive(archive: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<BuildContext> {
    return await this.#make('reading the build context', async (context) => {
      const spool = context.scratch();
      await pipeline(Readable.from(archive, { objectMode: false }), createWriteStream(spool), { signal });
      // Of what is none, unpacking says what is wrong with it.
      const tar = await findTarArchive(spool, { scratch: () => context.scratch(), signal });
      await unpackInto(context, tar ?? spool, this.#workers, signal);
      for (const file of new Set([spool, tar ?? spool])) await rm(file);
    });
  }

  /**
   * Of a directory with these files, of which those are received that aren't here from an earlier build: `ask` is given
   * their indexes. The caller removes it.
   */
  async update(
    id: string,
    files: readonly ContextFile[],
    ask: (wanted: readonly number[]) => AsyncIterable<Uint8Array>,
    options: TakeOptions,
  ): Promise<BuildContext> {
    const { signal } = options;
    const kept = await this.#kept.take(id, files, options);
    return await this.#make(
      'reading the build context',
      async (context) => {
        if (kept?.isUnchanged) {
          for await (const _ of ask([]));
          return;
        }
        const spool = context.scratch();
        const archive = Readable.from(ask(kept?.wanted ?? [...files.keys()]), { objectMode: false });
        await pipeline(archive, createWriteStream(spool), { signal });
        await unpackInto(context, spool, this.#workers, signal);
        await rm(spool);
      },
      kept,
    );
  }

  /** Of a directory with these files, if all of them are here and what they are is known: to look at. */
  async known(id: string, files: readonly ContextFile[]): Promise<BuildContext | undefined> {
    const kept = await this.#kept.peek(id, files);
    return kept === undefined ? undefined : new BuildContext(join(this.#dir, 'none'), kept);
  }

  /** Of a URL: a tar, a Dockerfile alone, or a git repository. The caller removes it. */
  async fetch(url: string, signal: AbortSignal): Promise<BuildContext> {
    return await this.#make(`fetching the build context from ${url}`, async (context) => {
      await fetchInto(context, url, this.#workers, signal);
    });
  }

  async #make(what: string, fill: (context: BuildContext) => Promise<void>, kept?: OpenContext): Promise<BuildContext> {
    const dir = join(this.#dir, this.#random(8).toString('hex'));
    const context = new BuildContext(dir, kept);
    try {
      await mkdir(dir);
      await mkdir(context.root, { recursive: true });
      await fill(context);
      return context;
    } catch (error) {
      await context.remove();
      const { code, message, hint } = toGantryError(error);
      throw new GantryError(code, `${what}: ${message}`, { hint, cause: error });
    }
  }
}

/** What a URL led to: a git repository's files, an archive's, or a Dockerfile alone. */
async function fetchInto(
  context: BuildContext,
  url: string,
  workers: LayerWorkers,
  signal: AbortSignal,
): Promise<void> {
  const remote = parseRemoteSource(url);
  if (remote === undefined) throw new GantryError('INVALID_ARGUMENT', 'it is no URL');
  const fetched = context.scratch();
  if (remote.kind === 'git') {
    const request = { source: remote, checksum: undefined, keepGitDir: false, directory: fetched };
    const files = await checkOut(request, signal);
    await rmdir(context.root);
    await rename(files, context.root);
    return;
  }
  await downloadFile({ url: remote.url, checksum: undefined, file: fetched }, undefined, signal);
  const archive = await findTarArchive(fetched, { scratch: () => context.scratch(), signal });
  if (archive === undefined) await rename(fetched, join(context.root, DEFAULT_DOCKERFILE));
  else await unpackInto(context, archive, workers, signal);
}

async function unpackInto(
  context: BuildContext,
  archive: string,
  workers: LayerWorkers,
  signal: AbortSignal,
): Promise<void> {
  const { root: target } = context;
  await workers.run({ kind: 'unpack', archive, target, options: LIMITS, verified: undefined }, signal);
}

/** An ignored directory stays as long as something in it isn't ignored. */
async function prune(
  root: string,
  directory: string,
  ignores: (path: string) => boolean,
  removed: Set<string>,
): Promise<void> {
  for (const entry of await readdir(join(root, directory), { withFileTypes: true })) {
    const path = directory === '' ? entry.name : `${directory}/${entry.name}`;
    if (entry.isDirectory()) {
      await prune(root, path, ignores, removed);
      if (!ignores(path) || (await readdir(join(root, path))).length > 0) continue;
      await rmdir(join(root, path));
      removed.add(path);
    } else if (ignores(path)) {
      await rm(join(root, path), { force: true });
      removed.add(path);
    }
  }
}
