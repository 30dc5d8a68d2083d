/** The files of a build, a tar from the engine, put into a directory of the user's: type=local of --output. */
import { chmodSync, createWriteStream, linkSync, lstatSync, mkdirSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import { CliError, EXIT } from '../failure.ts';

/**
 * Adds to what is there and replaces files of the same name. Files are the user's, whoever owns them in the image;
 * nothing is written through a link in the directory. Devices are left out, unless root asks: they can't be made.
 */
export async function extractFiles(archive: AsyncIterable<Uint8Array>, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const tar = extract();
  const feeding = pipeline(Readable.from(archive, { objectMode: false }), tar);
  feeding.catch(() => undefined);
  const directories: Header[] = [];
  for await (const entry of tar) {
    const { header } = entry;
    const path = placeFor(directory, header.name);
    if (header.type === 'directory') {
      makeDirectory(path);
      directories.push(header);
    } else {
      rmSync(path, { recursive: true, force: true });
      if (header.type === 'file') await pipeline(entry, createWriteStream(path, { flags: 'wx' }));
      else if (header.type === 'symlink') symlinkSync(header.linkname ?? '', path);
      else if (header.type === 'link') linkSync(placeFor(directory, header.linkname ?? ''), path);
    }
    if (header.type === 'file') applyHeader(path, header);
    entry.resume();
  }
  await feeding;
  // Last: a directory's mode may forbid to write in it, and what is written changes its time.
  for (const header of directories.toReversed()) applyHeader(placeFor(directory, header.name), header);
}

function applyHeader(path: string, { mode = 0o644, mtime = new Date(0) }: Header): void {
  // Set-user-id bits would be the user's own.
  chmodSync(path, mode & 0o1777);
  utimesSync(path, mtime, mtime);
}

function makeDirectory(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return;
  rmSync(path, { force: true });
  mkdirSync(path);
}

/** Throws for a name that leads out of the directory, by itself or through a link. */
function placeFor(directory: string, name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0 || parts.includes('..')) throw unsafe(name);
  for (let depth = 1; depth < parts.length; depth++) {
    const parent = join(directory, ...parts.slice(0, depth));
    if (!lstatSync(parent, { throwIfNoEntry: false })?.isDirectory()) throw unsafe(name);
  }
  return join(directory, ...parts);
}

function unsafe(name: string): CliError {
  return new CliError(`cannot write ${name}: something in its place is no directory`, {
    hint: 'write the files to a new directory',
    exitCode: EXIT.failed,
  });
}
