/** COPY and ADD of local files: what they mean, what they depend on, and doing it. */
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, posix } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import { makeDirectoryInRoot, readInRoot, resolveInRoot } from '../container/root-files.ts';
import { resolveUser } from '../container/spec/user.ts';
import { decompress } from '../image/compression.ts';
import type { ApplyOptions } from '../image/layer/applier.ts';
import type { CopyJob } from '../image/layer/copy.ts';
import type { Scanned, ScannedSource } from '../image/layer/scan.ts';
import type { LayerWorkers } from '../image/layer-workers.ts';
import { BLOCK_SIZE, parseHeaderBlock } from '../image/tar/header.ts';
import { type Instruction, parseExecForm } from './dockerfile.ts';
import type { Heredoc } from './heredoc.ts';
import { type Expander, expandContent, expandWord } from './words.ts';

export interface CopyPlan {
  readonly patterns: readonly string[];
  readonly files: readonly Heredoc[];
  /** Absolute path in the image. */
  readonly destination: string;
  readonly intoDirectory: boolean;
  /** user[:group]; undefined: root's for the context's files, their own for those of a stage. */
  readonly chown: string | undefined;
  readonly mode: number | undefined;
  /** ADD unpacks tar archives. */
  readonly extract: boolean;
}

const EXTRACT_LIMITS: ApplyOptions = { whiteouts: 'literal', maxBytes: 64 * 2 ** 30, maxEntries: 2_000_000 };

/** Reads the instruction. `dir` is the stage's working directory. Throws INVALID_ARGUMENT, UNSUPPORTED. */
export function planCopy(instruction: Instruction, expander: Expander, dir: string): CopyPlan {
  const { keyword, text, heredocs, flags } = instruction;
  const words = (parseExecForm(text) ?? text.split(/\s+/)).map((word) => ({
    word,
    heredoc: heredocs.find(({ marker }) => marker === word),
  }));
  const last = words.pop();
  if (last === undefined || words.length === 0) {
    throw new GantryError('INVALID_ARGUMENT', `${keyword} requires a source and a destination`);
  }
  const patterns = words.filter(({ heredoc }) => heredoc === undefined).map(({ word }) => expandWord(word, expander));
  if (keyword === 'ADD') patterns.forEach(refuseRemote);
  const files = words.flatMap(({ heredoc }) => heredoc ?? []);
  const written = expandWord(last.word, expander);
  const intoDirectory = written.endsWith('/') || written === '.' || words.length > 1;
  if (words.length > 1 && !written.endsWith('/') && written !== '.') {
    throw new GantryError('INVALID_ARGUMENT', `${keyword} with several sources needs a directory as destination`, {
      hint: `write ${written}/`,
    });
  }
  const chown = flags.get('chown');
  return {
    patterns,
    files: files.map((file) => (file.expand ? { ...file, content: expandContent(file.content, expander) } : file)),
    destination: posix.resolve('/', dir, written),
    intoDirectory,
    chown: chown === undefined ? undefined : expandWord(chown, expander),
    mode: parseMode(flags.get('chmod'), expander),
    extract: keyword === 'ADD',
  };
}

/** What the step's result depends on besides the layers below and the files' content. */
export function copyIdentity(plan: CopyPlan): readonly unknown[] {
  const { destination, intoDirectory, chown, mode, extract, files } = plan;
  return [
    destination,
    intoDirectory,
    chown ?? null,
    mode ?? null,
    extract,
    files.map(({ name, content }) => [name, content]),
  ];
}

export interface CopySource {
  readonly root: string;
  readonly scanned: Scanned;
  /** The context's files belong to whoever sent them, which means nothing in the image. */
  readonly keepOwners: boolean;
}

/** Throws INVALID_ARGUMENT when a destination can't take what is copied there. */
export async function runCopy(
  plan: CopyPlan,
  source: CopySource,
  rootfs: string,
  workers: LayerWorkers,
): Promise<void> {
  const { sources } = source.scanned;
  const intoDirectory = plan.intoDirectory || sources.length > 1;
  if (sources.length > 1 && !plan.intoDirectory) {
    throw new GantryError('INVALID_ARGUMENT', `several files match, so the destination must be a directory`, {
      hint: `write ${plan.destination}/`,
    });
  }
  const owner = findOwner(plan, source.keepOwners, rootfs);
  const target = {
    kind: 'copy',
    targetRoot: rootfs,
    destination: plan.destination.slice(1),
    intoDirectory,
    owner,
    mode: plan.mode,
  } as const;
  const archives = plan.extract ? await findArchives(source) : [];
  const plain = sources.filter((one) => !archives.includes(one));
  await workers.run<CopyJob>({ ...target, sourceRoot: source.root, sources: plain });
  for (const archive of archives)
    await extractArchive(join(source.root, archive.path), plan.destination, rootfs, workers);
  if (plan.files.length > 0) await copyHeredocs(plan.files, { ...target, owner: owner ?? { uid: 0, gid: 0 } }, workers);
}

/** Unlike COPY's files, an archive's keep their owners; its links lead no further than the destination. */
async function extractArchive(
  archive: string,
  destination: string,
  rootfs: string,
  workers: LayerWorkers,
): Promise<void> {
  makeDirectoryInRoot(rootfs, destination);
  const target = resolveInRoot(rootfs, destination);
  await workers.run({ kind: 'unpack', archive, target, options: EXTRACT_LIMITS, verified: undefined });
}

async function findArchives({ root, scanned }: CopySource): Promise<ScannedSource[]> {
  const archives: ScannedSource[] = [];
  for (const source of scanned.sources) {
    if (source.type === 'other' && (await isTarArchive(join(root, source.path)))) archives.push(source);
  }
  return archives;
}

/** As Docker decides it: by content, not by name. Throws UNSUPPORTED for compressions that aren't read here. */
async function isTarArchive(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    let start = Buffer.alloc(0);
    for await (const chunk of decompress(file.createReadStream({ autoClose: false }))) {
      start = Buffer.concat([start, chunk]);
      if (start.length >= BLOCK_SIZE) break;
    }
    return start.length >= BLOCK_SIZE && parseHeaderBlock(start.subarray(0, BLOCK_SIZE)) !== undefined;
  } catch (error) {
    if (error instanceof GantryError && error.code === 'INVALID_ARGUMENT') return false;
    throw error;
  } finally {
    await file.close();
  }
}

async function copyHeredocs(
  files: readonly Heredoc[],
  target: Omit<CopyJob, 'sourceRoot' | 'sources'>,
  workers: LayerWorkers,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'gantry-heredoc-'));
  try {
    for (const { name, content } of files) await writeFile(join(dir, basename(name)), content, { mode: 0o644 });
    const sources = files.map(({ name }) => ({ name, path: name, type: 'other' as const }));
    await workers.run<CopyJob>({ ...target, sourceRoot: dir, sources });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function findOwner(plan: CopyPlan, keepOwners: boolean, rootfs: string): CopyJob['owner'] {
  if (plan.chown === undefined) return keepOwners ? undefined : { uid: 0, gid: 0 };
  const files = { passwd: readInRoot(rootfs, '/etc/passwd'), group: readInRoot(rootfs, '/etc/group') };
  const [user = '', group] = plan.chown.split(':');
  const { uid } = resolveUser({ user, groups: [], ...files });
  // Without a group, the one of the same number: so Docker has it.
  const gid = group === undefined ? uid : resolveUser({ user: `0:${group}`, groups: [], ...files }).gid;
  return { uid, gid };
}

function refuseRemote(source: string): void {
  if (!/^(?:https?|ftp|ssh|git):\/\/|^git@|\.git(?:#.*)?$/.test(source)) return;
  throw new GantryError('UNSUPPORTED', `ADD from ${source} is not supported`, {
    hint: 'fetch it in a RUN step, or put the files into the context',
  });
}

function parseMode(text: string | undefined, expander: Expander): number | undefined {
  if (text === undefined) return undefined;
  const mode = expandWord(text, expander);
  if (/^[0-7]{1,5}$/.test(mode) && Number.parseInt(mode, 8) <= 0o7777) return Number.parseInt(mode, 8);
  throw new GantryError('INVALID_ARGUMENT', `--chmod=${mode} is not an octal mode`, {
    hint: 'write it like --chmod=0755',
  });
}
