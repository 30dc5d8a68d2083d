/** A file that the user names to be written: complete or not there, and nobody else's. */
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Cli, write } from './cli.ts';
import { CliError } from './failure.ts';

/** On disk when it resolves; of "-" written to standard output, which mustn't be a terminal. */
export async function writeOutput(cli: Cli, file: string, parts: AsyncIterable<Uint8Array>): Promise<void> {
  if (file !== '-') return replaceFile(resolve(cli.cwd, file), parts);
  if (cli.stdout.isTTY) throw new CliError('standard output is a terminal', { hint: 'name a file, or redirect it' });
  for await (const part of parts) await write(cli.stdout, part);
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
