/** COPY and ADD: what they mean, what they depend on, and doing it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import { makeDirectoryInRoot, readInRoot, resolveInRoot } from '../container/root-files.ts';
import { resolveUser } from '../container/spec/user.ts';
import type { ApplyOptions } from '../image/layer/applier.ts';
import type { CopyJob } from '../image/layer/copy.ts';
import { type ModeChange, parseModeChange } from '../image/layer/mode-change.ts';
import type { Scanned, ScannedSource } from '../image/layer/scan.ts';
import type { LayerWorkers } from '../image/layer-workers.ts';
import { type ArchiveTools, findTarArchive } from './added-archive.ts';
import { type Instruction, parseExecForm } from './dockerfile.ts';
import type { Heredoc } from './heredoc.ts';
import { type Checksum, parseChecksum, parseRemoteSource, type RemoteSource } from './remote-source.ts';
import { type Expander, expandContent, expandWord } from './words.ts';

const EXTRACT_LIMITS: ApplyOptions = { whiteouts: 'literal', maxBytes: 64 * 2 ** 30, maxEntries: 2_000_000 };

export interface CopyPlan {
  readonly patterns: readonly string[];
  readonly remotes: readonly RemoteSource[];
  readonly files: readonly Heredoc[];
  /** Absolute path in the image. */
  readonly destination: string;
  readonly intoDirectory: boolean;
  /** user[:group]; undefined: root's for the context's files, their own for those of a stage. */
  readonly chown: string | undefined;
  readonly mode: ModeChange | undefined;
  readonly layout: 'names' | 'parents';
  readonly excludes: readonly string[];
  /** Tar archives are unpacked: local ones by ADD unless it is told not to, downloaded ones when it is told to. */
  readonly unpack: { readonly local: boolean; readonly remote: boolean };
  readonly checksum: Checksum | undefined;
  readonly keepGitDir: boolean;
}

/** Reads the instruction. `dir` is the stage's working directory. Throws INVALID_ARGUMENT, UNSUPPORTED. */
export function planCopy(instruction: Instruction, expander: Expander, dir: string): CopyPlan {
  const { keyword, text, heredocs, flags, lists } = instruction;
  const expanded = (value: string | undefined) => (value === undefined ? undefined : expandWord(value, expander));
  const words = (parseExecForm(text) ?? text.split(/\s+/)).map((word) => ({
    word,
    heredoc: heredocs.find(({ marker }) => marker === word),
  }));
  const last = words.pop();
  if (last === undefined || words.length === 0) {
    throw new GantryError('INVALID_ARGUMENT', `${keyword} requires a source and a destination`);
  }
  const sources = words.filter(({ heredoc }) => heredoc === undefined).map(({ word }) => expandWord(word, expander));
  const remotes = keyword === 'ADD' ? sources.flatMap((source) => parseRemoteSource(source) ?? []) : [];
  const files = words.flatMap(({ heredoc }) => heredoc ?? []);
  const written = expandWord(last.word, expander);
  const intoDirectory = written.endsWith('/') || written === '.';
  const chmod = expanded(flags.get('chmod'));
  return {
    patterns: keyword === 'ADD' ? sources.filter((source) => parseRemoteSource(source) === undefined) : sources,
    remotes,
    files: files.map((file) => (file.expand ? { ...file, content: expandContent(file.content, expander) } : file)),
    destination: posix.resolve('/', dir, written),
    intoDirectory,
    chown: expanded(flags.get('chown')),
    mode: chmod === undefined ? undefined : parseModeChange(chmod),
    layout: flags.get('parents') === 'true' ? 'parents' : 'names',
    excludes: (lists.get('exclude') ?? []).map((pattern) => expandWord(pattern, expander)),
    unpack: { local: keyword === 'ADD' && flags.get('unpack') !== 'false', remote: flags.get('unpack') === 'true' },
    checksum: planChecksum(expanded(flags.get('checksum')), sources, remotes),
    keepGitDir: flags.get('keep-git-dir') === 'true',
  };
}

function planChecksum(
  text: string | undefined,
  sources: readonly string[],
  [remote]: readonly RemoteSource[],
): Checksum | undefined {
  if (text === undefined) return undefined;
  if (remote !== undefined && sources.length === 1) return parseChecksum(text, remote);
  throw new GantryError('INVALID_ARGUMENT', '--checksum is of one source, a URL or a git repository');
}

/** What the step's result depends on besides the layers below and the files' content. */
export function copyIdentity(plan: CopyPlan): readonly unknown[] {
  const { destination, intoDirectory, chown, mode, unpack, files } = plan;
  return [
    destination,
    intoDirectory,
    chown ?? null,
    mode ?? null,
    unpack,
    files.map(({ name, content }) => [name, content]),
  ];
}

export interface CopySource {
  readonly kind: 'local' | 'remote';
  readonly root: string;
  readonly scanned: Scanned;
  /** The context's files belong to whoever sent them, which means nothing in the image. */
  readonly keepOwners: boolean;
}

/**
 * Of a layer that is independent of those below: directories on the way to the destination, which stay as they are where
 * they exist. Paths in the image without slash at their start, "" for the root.
 */
export function impliedDirectories(plan: CopyPlan, sources: readonly CopySource[]): string[] {
  const isDirectory = sources.some(({ scanned }) => scanned.sources.some(({ type }) => type === 'directory'));
  const isPlace = plan.intoDirectory || plan.layout === 'parents' || isDirectory;
  const names = plan.destination.split('/').slice(1);
  const depth = names.length - (isPlace && plan.chown === undefined ? 0 : 1);
  return ['', ...names.slice(0, depth).map((_, index) => names.slice(0, index + 1).join('/'))];
}

/** Whether --chown names users or groups, whose numbers stand in the layers below. */
export function namesOwners({ chown }: CopyPlan): boolean {
  return chown !== undefined && !/^\d+(?::\d+)?$/.test(chown);
}

export interface CopyTools extends ArchiveTools {
  readonly workers: LayerWorkers;
}

/**
 * Several directories may share a destination without a slash at its end, since only what they hold goes there. Throws
 * INVALID_ARGUMENT when a destination can't take what is copied there.
 */
export async function runCopy(
  plan: CopyPlan,
  sources: readonly CopySource[],
  rootfs: string,
  tools: CopyTools,
): Promise<void> {
  const types = sources.flatMap(({ scanned }) => scanned.sources.map(({ type }) => type));
  const areMerged = plan.files.length === 0 && types.every((type) => type === 'directory');
  if (!plan.intoDirectory && types.length + plan.files.length > 1 && !areMerged) {
    throw new GantryError('INVALID_ARGUMENT', 'several files are copied, so the destination must be a directory', {
      hint: `write ${plan.destination}/`,
    });
  }
  for (const source of sources) await copyFrom(source, plan, rootfs, tools);
  if (plan.files.length > 0) {
    await copyHeredocs(plan.files, { ...jobOf(plan, false, rootfs), excludes: [] }, tools);
  }
}

function jobOf(plan: CopyPlan, keepOwners: boolean, rootfs: string): Omit<CopyJob, 'sourceRoot' | 'sources'> {
  return {
    kind: 'copy',
    targetRoot: rootfs,
    destination: plan.destination.slice(1),
    // With their parents, files go below the destination, however it is written.
    intoDirectory: plan.intoDirectory || plan.layout === 'parents',
    owner: findOwner(plan, keepOwners, rootfs),
    mode: plan.mode,
    excludes: plan.excludes,
  };
}

async function copyFrom(source: CopySource, plan: CopyPlan, rootfs: string, tools: CopyTools): Promise<void> {
  const { scanned, root, kind, keepOwners } = source;
  const archives = new Map<ScannedSource, string>();
  for (const one of plan.unpack[kind] ? scanned.sources : []) {
    const archive = one.type === 'other' ? await findTarArchive(join(root, one.path), tools) : undefined;
    if (archive !== undefined) archives.set(one, archive);
  }
  const sources = scanned.sources.filter((one) => !archives.has(one));
  await tools.workers.run<CopyJob>({ ...jobOf(plan, keepOwners, rootfs), sourceRoot: root, sources }, tools.signal);
  for (const archive of archives.values()) await extractArchive(archive, plan.destination, rootfs, tools);
}

/** Unlike COPY's files, an archive's keep their owners; its links lead no further than the destination. */
async function extractArchive(
  archive: string,
  destination: string,
  rootfs: string,
  { workers, signal }: CopyTools,
): Promise<void> {
  makeDirectoryInRoot(rootfs, destination);
  const target = resolveInRoot(rootfs, destination);
  await workers.run({ kind: 'unpack', archive, target, options: EXTRACT_LIMITS, verified: undefined }, signal);
}

async function copyHeredocs(
  files: readonly Heredoc[],
  target: Omit<CopyJob, 'sourceRoot' | 'sources'>,
  { workers, scratch }: CopyTools,
): Promise<void> {
  const dir = scratch();
  await mkdir(dir);
  for (const { name, content } of files) await writeFile(join(dir, basename(name)), content, { mode: 0o644 });
  const sources = files.map(({ name }) => ({ name, path: name, type: 'other' as const, under: '' }));
  await workers.run<CopyJob>({ ...target, sourceRoot: dir, sources });
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
