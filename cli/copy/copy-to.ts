/** `cp` into a container. */
import { resolve } from 'node:path';
import {
  type ContainerCopyToRequest,
  type ContainerCopyToResponse,
  EngineClient,
} from '../../proto/generated/gantry/v1/engine.ts';
import { packFiles } from '../archive/pack-files.ts';
import type { Cli } from '../cli.ts';
import { ask, upload, withClient } from '../connection.ts';
import { CliError, isGantryError } from '../failure.ts';
import { openInput } from '../input.ts';
import { counted } from './byte-count.ts';
import { type CopyDestination, type CopyRules, type Inside, type Outside, planCopy } from './copy-paths.ts';
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
  to: Inside,
  { keepOwners, followLink }: CopyRules,
): Promise<number> {
  return await withClient(EngineClient, cli, async (engine) => {
    const destination = await findDestination(engine, to);
    const { directory, archive } =
      from.kind === 'stream'
        ? fromInput(cli, to, destination)
        : fromFiles(resolve(cli.cwd, from.path), from.path, destination, followLink);
    const data = counted(archive);
    const target = { reference: to.reference, path: directory, ownedByUser: keepOwners };
    await upload<ContainerCopyToRequest, ContainerCopyToResponse>(
      (done) => engine.containerCopyTo(done),
      toMessages(target, data),
    );
    return data.bytes;
  });
}

/** With a link followed. That the container isn't there, the copy itself tells. */
async function findDestination(engine: EngineClient, { reference, path }: Inside): Promise<CopyDestination> {
  const named = await statIfThere(engine, reference, path);
  const real = named !== undefined && isLink(named.mode) ? named.linkTarget : path;
  const found = real === path ? named : await statIfThere(engine, reference, real);
  if (found === undefined) return { path: real, kind: 'missing' };
  if (isDirectory(found.mode)) return { path: real, kind: 'directory' };
  if (isFile(found.mode)) return { path: real, kind: 'file' };
  throw new CliError(`destination "${reference}:${path}" must be a directory or a regular file`);
}

async function statIfThere(engine: EngineClient, reference: string, path: string) {
  try {
    return await ask(engine, engine.containerPathStat, { reference, path });
  } catch (error) {
    if (isGantryError(error) && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

function fromInput(cli: Cli, to: Inside, destination: CopyDestination): Sent {
  if (destination.kind !== 'directory') {
    throw new CliError(`destination "${to.reference}:${to.path}" must be a directory`);
  }
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

async function* toMessages(
  value: { readonly reference: string; readonly path: string; readonly ownedByUser: boolean },
  archive: AsyncIterable<Buffer>,
): AsyncGenerator<ContainerCopyToRequest> {
  yield { message: { $case: 'options', value } };
  for await (const data of archive) yield { message: { $case: 'data', value: data } };
}
