/**
 * The build context as a tar stream: the directory's files without what .dockerignore names. Files keep their modes
 * and times; owners are root, as in Docker.
 */
import { type Dirent, lstatSync, type Stats } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import dockerignore from '@balena/dockerignore';
import { type PackedFile, packFiles } from '../archive/pack-files.ts';
import { CliError, fileReason } from '../failure.ts';

export interface ContextFile {
  /** Relative to the context, with slashes. */
  readonly name: string;
  readonly stats: Stats;
}

interface Ignore {
  readonly ignores: (name: string) => boolean;
  /** There are lines such as !dir/keep: an ignored directory may hold files that aren't. */
  readonly hasExceptions: boolean;
}

/** The tar of the directory. An error while reading it is thrown where the stream is read. */
export function packContext(directory: string, dockerfile: string): AsyncIterable<Buffer> {
  return packContextFiles(directory, contextFiles(directory, dockerfile));
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
export async function* contextFiles(directory: string, dockerfile: string): AsyncGenerator<ContextFile> {
  const ignore = await readIgnore(directory, dockerfile);
  // The builder needs these whatever .dockerignore says.
  const always = new Set([dockerfile, '.dockerignore']);
  yield* walk(directory, '', {
    ignores: (name) => !always.has(name) && ignore.ignores(name),
    hasExceptions: ignore.hasExceptions,
  });
}

/** NAME.dockerignore beside the Dockerfile wins over the context's. */
async function readIgnore(directory: string, dockerfile: string): Promise<Ignore> {
  for (const name of [`${dockerfile}.dockerignore`, '.dockerignore']) {
    try {
      const text = await readFile(join(directory, name), 'utf8');
      const patterns = dockerignore({ ignorecase: false }).add(text);
      return { ignores: (path) => patterns.ignores(path), hasExceptions: /^\s*!/m.test(text) };
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return { ignores: () => false, hasExceptions: false };
}

async function* walk(root: string, under: string, ignore: Ignore): AsyncGenerator<ContextFile> {
  for (const entry of await sortedEntries(join(root, under))) {
    const name = under === '' ? entry.name : `${under}/${entry.name}`;
    const skip = ignore.ignores(name);
    // Below an ignored directory a line such as !dir/keep may bring files back.
    if (skip && !(ignore.hasExceptions && entry.isDirectory())) continue;
    if (!skip) yield { name, stats: lstatSync(join(root, name)) };
    if (entry.isDirectory()) yield* walk(root, name, ignore);
  }
}

async function sortedEntries(directory: string): Promise<Dirent[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Where the Dockerfile is: in the context by its path there, or outside of it by its text. */
export type DockerfilePlace =
  | { readonly kind: 'inside'; readonly path: string }
  | { readonly kind: 'outside'; readonly text: string };

/** `file` is -f, relative to the working directory; without it the context's Dockerfile. */
export async function locateDockerfile(
  cwd: string,
  directory: string,
  file: string | undefined,
): Promise<DockerfilePlace> {
  const path = file === undefined ? join(directory, 'Dockerfile') : resolve(cwd, file);
  const inside = relative(directory, path);
  try {
    const text = await readFile(path, 'utf8');
    const isOutside = inside === '..' || inside.startsWith(`..${sep}`);
    return isOutside ? { kind: 'outside', text } : { kind: 'inside', path: inside };
  } catch (error) {
    throw new CliError(`cannot read the Dockerfile ${path}: ${fileReason(error)}`, { hint: 'name it with -f' });
  }
}
