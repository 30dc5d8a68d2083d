/** Tar archives that ADD unpacks: told by their content, not by their names, in each compression that Docker knows. */
import { type FileHandle, open } from 'node:fs/promises';
import { GantryError } from '../../proto/errors.ts';
import { decompress, MAGIC_BYTES } from '../image/compression.ts';
import { BLOCK_SIZE, parseHeaderBlock } from '../image/tar/header.ts';
import { runProgramInto } from './program.ts';

/** Read by programs of this host; gzip and zstd are our own. */
const PROGRAMS: readonly { readonly program: string; readonly magic: readonly number[] }[] = [
  { program: 'bzip2', magic: [0x42, 0x5a, 0x68] },
  { program: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a] },
];
const MAX_BYTES = 64 * 2 ** 30;

export interface ArchiveTools {
  /** A new file's path. */
  readonly scratch: () => string;
  readonly signal: AbortSignal;
}

/** The tar, plain or in a compression of ours; undefined for what is no archive. Throws UNSUPPORTED, CANCELLED. */
export async function findTarArchive(path: string, { scratch, signal }: ArchiveTools): Promise<string | undefined> {
  const program = await foreignCompression(path);
  if (program === undefined) return (await startsAsTar(path)) ? path : undefined;
  const plain = scratch();
  await runProgramInto({ path: plain, maxBytes: MAX_BYTES }, program, ['-dc', path], { signal });
  return (await startsAsTar(plain)) ? plain : undefined;
}

async function foreignCompression(path: string): Promise<string | undefined> {
  const file = await open(path, 'r');
  try {
    const start = await readStart(file);
    return PROGRAMS.find(({ magic }) => magic.every((byte, index) => start[index] === byte))?.program;
  } finally {
    await file.close();
  }
}

async function readStart(file: FileHandle): Promise<Buffer> {
  const buffer = Buffer.alloc(MAGIC_BYTES);
  const { bytesRead } = await file.read(buffer, 0, MAGIC_BYTES, 0);
  return buffer.subarray(0, bytesRead);
}

async function startsAsTar(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    let start = Buffer.alloc(0);
    for await (const chunk of decompress(file.createReadStream({ autoClose: false }))) {
      start = Buffer.concat([start, chunk]);
      if (start.length >= BLOCK_SIZE) break;
    }
    return start.length >= BLOCK_SIZE && parseHeaderBlock(start.subarray(0, BLOCK_SIZE)) !== undefined;
  } catch (error) {
    if (error instanceof GantryError && error.code === 'INVALID_ARGUMENT') return false;
    throw error;
  } finally {
    await file.close();
  }
}
