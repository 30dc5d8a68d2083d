/** `cp` into a container. */
import { resolve } from 'node:path';
import { packFiles } from '../archive/pack-files.ts';
import type { Cli } from '../cli.ts';
import { CliError, isGantryError } from '../failure.ts';
import { openInput } from '../input.ts';
import { counted } from './byte-count.ts';
import { type CopyDestination, type CopyRules, type Outside, planCopy } from './copy-paths.ts';
import type { CopyPeer } from './copy-peer.ts';
import { isDirectory, isFile, isLink } from './file-mode.ts';
import { localFiles, localStats } from './local-files.ts';

interface Sent {
  readonly directory: string;
  readonly archive: AsyncIterable<Buffer>;
}

/** Resolves with the bytes of the tar that was sent. */
export async function copyToContainer(
  cli: Cli,
  from: Outside,
  to: CopyPeer,
  path: string,
  { keepOwners, followLink }: CopyRules,
): Promise<number> {
  const destination = await findDestination(to, path);
  const { directory, archive } =
    from.kind === 'stream'
      ? fromInput(cli, `${to.name}:${path}`, destination)
      : fromFiles(resolve(cli.cwd, from.path), from.path, destination, followLink);
  const data = counted(archive);
  await to.write({ path: directory, ownedByUser: keepOwners }, data);
  return data.bytes;
}

/** With a link followed. That the container isn't there, the copy itself tells. */
async function findDestination(to: CopyPeer, path: string): Promise<CopyDestination> {
  const named = await statIfThere(to, path);
  const real = named !== undefined && isLink(named.mode) ? named.linkTarget : path;
  const found = real === path ? named : await statIfThere(to, real);
  if (found === undefined) return { path: real, kind: 'missing' };
  if (isDirectory(found.mode)) return { path: real, kind: 'directory' };
  if (isFile(found.mode)) return { path: real, kind: 'file' };
  throw new CliError(`destination "${to.name}:${path}" must be a directory or a regular file`);
}

async function statIfThere(to: CopyPeer, path: string) {
  try {
    return await to.stat(path);
  } catch (error) {
    if (isGantryError(error) && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

function fromInput(cli: Cli, to: string, destination: CopyDestination): Sent {
  if (destination.kind !== 'directory') throw new CliError(`destination "${to}" must be a directory`);
  return { directory: destination.path, archive: openInput(cli, '-', 'pipe a tar in, or name a file') };
}

/** `text`: the path as it was written, which says whether it is meant to be a directory. */
function fromFiles(path: string, text: string, destination: CopyDestination, followLink: boolean): Sent {
  const stats = localStats(path, followLink || /(?:^|\/)\.{0,2}$/.test(text));
  if (/\/\.?$/.test(text) && !stats.isDirectory()) throw new CliError(`${text} is not a directory`);
  const source = { path: text, isDirectory: stats.isDirectory() };
  const { directory, name } = planCopy(source, destination);
  return { directory, archive: packFiles(localFiles(path, name, stats)) };
}
