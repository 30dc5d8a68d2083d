/** How far a container's log has been sent: a file beside it. It needn't outlive the host: what comes after is sent twice then. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseRecord, recordMs } from './cri-record.ts';
import type { LogFile } from './log-files.ts';
import type { LogPlace } from './log-walk.ts';

/** How many bytes of a file's first record tell when it was written. */
const FIRST_BYTES = 64;

export interface SentPlace extends LogPlace {
  /** When the last of what was sent was written: in milliseconds since the Unix epoch. */
  readonly lastMs: number;
}

export interface Resumption {
  /** Index into the files, oldest first. */
  readonly file: number;
  readonly offset: number;
  /** What was to be sent next has been turned over too often. */
  readonly hasGap: boolean;
}

export function loadSentPlace(path: string): SentPlace | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return parse(text);
}

/** Undefined for what the host's crash has left of it. */
function parse(text: string): SentPlace | undefined {
  try {
    const { inode, offset, lastMs } = JSON.parse(text) as Partial<SentPlace>;
    if (inode === undefined || offset === undefined || lastMs === undefined) return undefined;
    return { inode, offset, lastMs };
  } catch {
    return undefined;
  }
}

/** A moment's work, and whoever is killed in it leaves the one before. */
export function saveSentPlace(path: string, place: SentPlace): void {
  writeFileSync(`${path}.new`, JSON.stringify(place));
  renameSync(`${path}.new`, path);
}

/** Where to go on. A file that has the number of one that is gone is told by its first record, which is younger. */
export async function resume(files: readonly LogFile[], place: SentPlace | undefined): Promise<Resumption> {
  if (place === undefined) return { file: 0, offset: 0, hasGap: false };
  const index = files.findIndex(({ inode }) => inode === place.inode);
  const file = files[index];
  if (file !== undefined && (await isSame(file, place))) return { file: index, offset: place.offset, hasGap: false };
  return { file: 0, offset: 0, hasGap: files.length > 0 };
}

async function isSame({ handle }: LogFile, { offset, lastMs }: SentPlace): Promise<boolean> {
  if ((await handle.stat()).size < offset) return false;
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(FIRST_BYTES), 0, FIRST_BYTES, 0);
  const first = parseRecord(buffer.subarray(0, bytesRead));
  return first === undefined || recordMs(first) <= lastMs;
}
