/** A file that the user names to be written: complete or not there, and nobody else's. */
import { randomBytes } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Cli, write } from './cli.ts';
import { CliError } from './failure.ts';

/** On disk when it resolves; of "-" written to standard output, which mustn't be a terminal. */
export async function writeOutput(cli: Cli, file: string, parts: AsyncIterable<Uint8Array>): Promise<void> {
  if (file === '-') {
    if (cli.stdout.isTTY) throw new CliError('standard output is a terminal', { hint: 'name a file, or redirect it' });
    for await (const part of parts) await write(cli.stdout, part);
    return;
  }
  const path = resolve(cli.cwd, file);
  const kind = await kindOf(path);
  if (kind === 'directory') throw new CliError(`${file} is a directory`, { hint: 'name a file' });
  if (kind === 'missing' && (await kindOf(dirname(path))) !== 'directory')
    throw new CliError(`cannot write ${file}: there is no directory ${dirname(file)}`, { hint: 'make it first' });
  return await (kind === 'other' ? writeThrough(path, parts) : replaceFile(path, parts));
}

/** An archive that a daemon sends in chunks, to a file or standard output; nothing is asked for when that is a terminal. */
export async function writeArchive(
  cli: Cli,
  file: string | undefined,
  chunks: () => AsyncIterable<{ readonly data: Uint8Array }>,
): Promise<void> {
  if (file === undefined && cli.stdout.isTTY) {
    throw new CliError('refusing to write an archive to a terminal', { hint: 'use -o FILE, or redirect it' });
  }
  await writeOutput(cli, file ?? '-', dataOf(chunks));
}

/** The call begins when the file is open: an answer that comes before anybody listens would be lost. */
async function* dataOf(chunks: () => AsyncIterable<{ readonly data: Uint8Array }>): AsyncGenerator<Uint8Array> {
  for await (const { data } of chunks()) yield data;
}

/** `other`: a device or a pipe, which must stay what it is. */
async function kindOf(path: string): Promise<'file' | 'directory' | 'other' | 'missing'> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return 'directory';
    return found.isFile() ? 'file' : 'other';
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'missing';
    throw error;
  }
}

async function writeThrough(path: string, parts: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'w');
  try {
    for await (const part of parts) await file.writeFile(part);
  } finally {
    await file.close();
  }
}

/** Under another name first: neither a crash nor an error leaves half a file, or takes away the one there was. */
async function replaceFile(path: string, parts: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.part`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    try {
      for await (const part of parts) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
