/** A tar from the engine, put into a directory of the user's. */
import {
  chmodSync,
  createWriteStream,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, type Header } from 'tar-stream';
import { CliError, EXIT } from '../failure.ts';

export interface ExtractRules {
  /** Whether a directory may take the place of what is none, and the other way round. */
  readonly replaces: 'anything' | 'same-kind';
  /** `user`: files are whose the user is, without set-user-id bits; `archive`: as it says. */
  readonly owner: 'user' | 'archive';
}

export interface ExtractedFiles {
  /** Devices and pipes, by their names. */
  readonly leftOut: readonly string[];
}

/** Adds to what is in the directory, and replaces files of the same name. Nothing is written through a link in the directory. */
export async function extractFiles(
  archive: AsyncIterable<Uint8Array>,
  directory: string,
  rules: ExtractRules,
): Promise<ExtractedFiles> {
  const extractor = new Extractor(directory, rules);
  const tar = extract();
  const feeding = pipeline(Readable.from(archive, { objectMode: false }), tar);
  feeding.catch(() => undefined);
  for await (const entry of tar) await extractor.add(entry);
  await feeding;
  extractor.finish();
  return { leftOut: extractor.leftOut };
}

type Entry = ReturnType<typeof extract> extends AsyncIterable<infer One> ? One : never;

class Extractor {
  readonly leftOut: string[] = [];
  readonly #directory: string;
  readonly #rules: ExtractRules;
  readonly #directories: Header[] = [];

  constructor(directory: string, rules: ExtractRules) {
    this.#directory = directory;
    this.#rules = rules;
  }

  async add(entry: Entry): Promise<void> {
    const { header } = entry;
    const isRoot = partsOf(header.name).length === 0;
    if (isRoot && header.type === 'directory') {
      // It is there, and stays as it is.
    } else if (header.type === 'directory') this.#addDirectory(header);
    else await this.#addFile(entry);
    entry.resume();
  }

  /** Last: a directory's mode may forbid to write in it, and what is written changes its time. */
  finish(): void {
    for (const header of this.#directories.toReversed()) {
      const path = this.#place(header.name);
      // A later entry may have put a link in its place, which what is applied would go through.
      if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) this.#applyHeader(path, header);
    }
  }

  #addDirectory(header: Header): void {
    const path = this.#place(header.name);
    this.#directories.push(header);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isDirectory()) return;
    if (stats !== undefined && this.#rules.replaces === 'same-kind') {
      throw new CliError(`cannot overwrite the non-directory ${path} with a directory`);
    }
    rmSync(path, { force: true });
    mkdirSync(path);
  }

  async #addFile(entry: Entry): Promise<void> {
    const { header } = entry;
    const path = this.#place(header.name);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isDirectory() && this.#rules.replaces === 'same-kind') {
      throw new CliError(`cannot overwrite the directory ${path} with a non-directory`);
    }
    rmSync(path, { recursive: true, force: true });
    if (header.type === 'file') {
      await pipeline(entry, createWriteStream(path, { flags: 'wx' }));
      this.#applyHeader(path, header);
    } else if (header.type === 'symlink') {
      symlinkSync(header.linkname ?? '', path);
      this.#applyOwner(path, header);
    } else if (header.type === 'link') linkSync(this.#place(header.linkname ?? ''), path);
    else this.leftOut.push(header.name);
  }

  #applyHeader(path: string, header: Header): void {
    const { mode = 0o644, mtime = new Date(0) } = header;
    this.#applyOwner(path, header);
    // Set-user-id bits would be the user's own.
    chmodSync(path, mode & (this.#rules.owner === 'archive' ? 0o7777 : 0o1777));
    utimesSync(path, mtime, mtime);
  }

  #applyOwner(path: string, { uid = 0, gid = 0 }: Header): void {
    if (this.#rules.owner === 'archive') lchownSync(path, uid, gid);
  }

  /** Throws for a name that leads out of the directory, by itself or through a link. */
  #place(name: string): string {
    const parts = partsOf(name);
    if (parts.length === 0 || parts.includes('..')) throw unsafe(name);
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = join(this.#directory, ...parts.slice(0, depth));
      if (!lstatSync(parent, { throwIfNoEntry: false })?.isDirectory()) throw unsafe(name);
    }
    return join(this.#directory, ...parts);
  }
}

function partsOf(name: string): string[] {
  return name.split('/').filter((part) => part !== '' && part !== '.');
}

function unsafe(name: string): CliError {
  return new CliError(`cannot write ${name}: something in its place is no directory`, {
    hint: 'write the files to a new directory',
    exitCode: EXIT.failed,
  });
}
