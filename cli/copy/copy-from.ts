/** `cp` out of a container. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { extractFiles } from '../archive/extract-files.ts';
import { type Cli, complain, write } from '../cli.ts';
import { CliError } from '../failure.ts';
import { counted } from './byte-count.ts';
import { type CopyRules, type Outside, planCopy } from './copy-paths.ts';
import type { CopyPeer } from './copy-peer.ts';
import { isDirectory, isLink } from './file-mode.ts';
import { localDestination } from './local-files.ts';

/** Resolves with the bytes of the tar that has come. */
export async function copyFromContainer(
  cli: Cli,
  from: CopyPeer,
  path: string,
  to: Outside,
  { keepOwners, followLink }: CopyRules,
): Promise<number> {
  if (to.kind === 'stream' && cli.stdout.isTTY) {
    throw new CliError('refusing to write an archive to a terminal', { hint: 'redirect it, or name a directory' });
  }
  const named = await from.stat(path);
  const real = followLink && isLink(named.mode) ? named.linkTarget : path;
  const { mode } = real === path ? named : await from.stat(real);
  // A link that is followed is called as it was asked for; in a tar, as Docker has it, what it leads to.
  const source = { path: to.kind === 'stream' ? real : path, isDirectory: isDirectory(mode) };
  const { directory, name } = planCopy(source, destination(cli, to));
  const archive = counted(dataOf(() => from.read({ path: real, name })));
  if (to.kind === 'stream') {
    for await (const data of archive) await write(cli.stdout, data);
  } else {
    checkDirectory(directory);
    const owner = keepOwners ? 'archive' : 'user';
    const { leftOut } = await extractFiles(archive, directory, { replaces: 'same-kind', owner });
    for (const name of leftOut) await complain(cli, `warning: ${name} is a device or a pipe, and is left out`);
  }
  return archive.bytes;
}

/** A tar has names as a directory would. */
function destination(cli: Cli, to: Outside): ReturnType<typeof localDestination> {
  return to.kind === 'stream' ? { path: '/', kind: 'directory' } : localDestination(cli.cwd, to.path);
}

function checkDirectory(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new CliError(`invalid output path: directory "${resolve(directory)}" does not exist`, {
    hint: 'make it first',
  });
}

/** The call begins when it is read: an answer that comes before anybody listens would be lost. */
async function* dataOf(chunks: () => AsyncIterable<{ readonly data: Uint8Array }>): AsyncGenerator<Uint8Array> {
  for await (const { data } of chunks()) yield data;
}
