/** A directory that is sent as far as the engine doesn't have it from the last time. */
import { createHash } from 'node:crypto';
import { readlink } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import type { ContextListing, ContextFile as ListedFile } from '../../proto/generated/gantry/v1/engine.ts';
import { type ContextFile, contextFiles, type DockerfilePlace, packContextFiles } from './context.ts';

export interface DirectoryContext {
  /** The same for the same directory of the same user. */
  readonly id: string;
  /** To be sent first. An error while reading the directory is thrown where it is read. */
  listing(): AsyncIterable<ContextListing>;
  /** A tar of those that the engine wants, by their indexes in the listing, once that is read. */
  pack(wanted: readonly number[]): AsyncIterable<Buffer>;
}

const FILES_PER_MESSAGE = 1000;

/**
 * A file that has changed within this time of being listed may change again with the same size and times: clocks of file
 * systems tick each few milliseconds, or each two seconds. Its content is what counts then, as git has it of "racily clean" files.
 */
const SETTLED_AFTER_MS = 2000;

/** `nowMs` since the epoch. */
export function directoryContext(
  directory: string,
  dockerfile: DockerfilePlace,
  nowMs: () => number,
): DirectoryContext {
  const files: ContextFile[] = [];
  const who = [hostname(), userInfo().uid, resolve(directory)];
  return {
    id: createHash('sha256').update(JSON.stringify(who)).digest('hex'),
    async *listing() {
      const begunAtMs = nowMs();
      let listed: ListedFile[] = [];
      for await (const file of contextFiles(directory, dockerfile)) {
        const { stats } = file;
        // Sockets, pipes and devices have no content to send.
        if (!stats.isFile() && !stats.isDirectory() && !stats.isSymbolicLink()) continue;
        files.push(file);
        listed.push(await describe(directory, file, begunAtMs));
        if (listed.length < FILES_PER_MESSAGE) continue;
        yield { files: listed, last: false };
        listed = [];
      }
      yield { files: listed, last: true };
    },
    pack: (wanted) =>
      packContextFiles(
        directory,
        wanted.flatMap((index) => files[index] ?? []),
      ),
  };
}

async function describe(directory: string, { name, stats }: ContextFile, listedAtMs: number): Promise<ListedFile> {
  const { mode, size, ino, mtimeMs: changedAtMs, ctimeMs } = stats;
  const rest = { name, mode, changedAtMs };
  if (stats.isSymbolicLink()) {
    return { ...rest, size: 0, link: await readlink(join(directory, name)), stamp: '', unsettled: false };
  }
  if (!stats.isFile()) return { ...rest, size: 0, link: '', stamp: '', unsettled: false };
  const unsettled = Math.max(changedAtMs, ctimeMs) > listedAtMs - SETTLED_AFTER_MS;
  return { ...rest, size, link: '', stamp: `${ino} ${ctimeMs}`, unsettled };
}
