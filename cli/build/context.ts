/**
 * The build context as a tar stream: the directory's files without what .dockerignore names. Files keep their modes
 * and times; owners are root, as in Docker.
 */
import { type Dirent, lstatSync, type Stats } from 'node:fs';
import { access, readdir, readFile } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { type IgnorePatterns, parseIgnorePatterns } from '../../proto/ignore-patterns.ts';
import { type PackedFile, packFiles } from '../archive/pack-files.ts';
import { CliError, fileReason } from '../failure.ts';

export interface ContextFile {
  /** Relative to the context, with slashes. */
  readonly name: string;
  readonly stats: Stats;
}

/** The tar of the directory. An error while reading it is thrown where the stream is read. */
export function packContext(directory: string): AsyncIterable<Buffer> {
  return packContextFiles(directory, contextFiles(directory, { kind: 'none' }));
}

/** The same of some of its files. */
export function packContextFiles(
  directory: string,
  files: AsyncIterable<ContextFile> | Iterable<ContextFile>,
): AsyncIterable<Buffer> {
  return packFiles(ownedByRoot(directory, files));
}

async function* ownedByRoot(
  directory: string,
  files: AsyncIterable<ContextFile> | Iterable<ContextFile>,
): AsyncGenerator<PackedFile> {
  for await (const { name, stats } of files) yield { name, path: join(directory, name), stats, uid: 0, gid: 0 };
}

/** All files of the context in a fixed order, directories before what they hold. */
export async function* contextFiles(directory: string, dockerfile: DockerfilePlace): AsyncGenerator<ContextFile> {
  const { ignores, hasExceptions } = await readIgnore(ignoreFiles(directory, dockerfile));
  const always = new Set(neededByBuilder(dockerfile));
  yield* walk(directory, '', { ignores: (name) => !always.has(name) && ignores(name), hasExceptions });
}

/** NAME.dockerignore beside the Dockerfile wins over the context's. */
function ignoreFiles(directory: string, dockerfile: DockerfilePlace): string[] {
  const common = join(directory, '.dockerignore');
  if (dockerfile.kind === 'none') return [common];
  const path = dockerfile.kind === 'inside' ? join(directory, dockerfile.path) : dockerfile.path;
  return [`${path}.dockerignore`, common];
}

/** What the builder reads in the context itself: it is sent whatever they say, and the builder leaves it out of the image. */
function neededByBuilder(dockerfile: DockerfilePlace): string[] {
  if (dockerfile.kind !== 'inside') return [];
  return [dockerfile.path, `${dockerfile.path}.dockerignore`, '.dockerignore'];
}

/** The first of the files that is there counts. */
async function readIgnore(files: readonly string[]): Promise<IgnorePatterns> {
  for (const file of files) {
    try {
      return parseIgnorePatterns(await readFile(file, 'utf8'), basename(file));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return { ignores: () => false, hasExceptions: false };
}

async function* walk(root: string, under: string, ignore: IgnorePatterns): AsyncGenerator<ContextFile> {
  for (const entry of await sortedEntries(join(root, under))) {
    const name = under === '' ? entry.name : `${under}/${entry.name}`;
    if (!ignore.ignores(name)) {
      yield { name, stats: lstatSync(join(root, name)) };
      if (entry.isDirectory()) yield* walk(root, name, ignore);
    } else if (ignore.hasExceptions && entry.isDirectory()) yield* exceptionsIn(root, name, ignore);
  }
}

/** Below an ignored directory a line such as !dir/keep may bring files back, and with them the directory. */
async function* exceptionsIn(root: string, directory: string, ignore: IgnorePatterns): AsyncGenerator<ContextFile> {
  let isEmpty = true;
  for await (const file of walk(root, directory, ignore)) {
    if (isEmpty) yield { name: directory, stats: lstatSync(join(root, directory)) };
    isEmpty = false;
    yield file;
  }
}

async function sortedEntries(directory: string): Promise<Dirent[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Where the Dockerfile of a directory is; `none`: it comes from elsewhere, or there is none. */
export type DockerfilePlace =
  /** Path in the context. */
  | { readonly kind: 'inside'; readonly path: string }
  /** Absolute path. */
  | { readonly kind: 'outside'; readonly path: string; readonly text: string }
  | { readonly kind: 'none' };

/** `file` is -f, relative to the working directory; without it the context's Dockerfile. */
export async function locateDockerfile(
  cwd: string,
  directory: string,
  file: string | undefined,
): Promise<Exclude<DockerfilePlace, { kind: 'none' }>> {
  const wanted = file === undefined ? join(directory, 'Dockerfile') : resolve(cwd, file);
  const path = await withCase(wanted, directory);
  const inside = relative(directory, path);
  try {
    const text = await readFile(path, 'utf8');
    const isOutside = inside === '..' || inside.startsWith(`..${sep}`);
    return isOutside ? { kind: 'outside', path, text } : { kind: 'inside', path: inside };
  } catch (error) {
    throw new CliError(`cannot read the Dockerfile ${wanted}: ${fileReason(error)}`, { hint: 'name it with -f' });
  }
}

/** Without a Dockerfile, the directory's is its dockerfile: so Docker has it. */
async function withCase(path: string, directory: string): Promise<string> {
  const lower = join(directory, 'dockerfile');
  if (path !== join(directory, 'Dockerfile') || (await isThere(path)) || !(await isThere(lower))) return path;
  return lower;
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
