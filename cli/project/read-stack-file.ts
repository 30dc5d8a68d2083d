/** Reads what a compose file names: other files, or standard input as "-". */
import { closeSync, openSync, readSync } from 'node:fs';
import { GantryError } from '../../proto/errors.ts';

/** Far above any compose file, config or file with variables. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Undefined when there is no such file. Throws INVALID_ARGUMENT for a directory, and for what doesn't end. */
export function readStackFile(path: string): Uint8Array | undefined {
  try {
    if (path === '-') return readAll(process.stdin.fd, 'standard input');
    const file = openSync(path, 'r');
    try {
      return readAll(file, path);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    if (error.code === 'EISDIR') throw new GantryError('INVALID_ARGUMENT', `${path} is a directory`, { cause: error });
    throw error;
  }
}

function readAll(file: number, name: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const chunk = new Uint8Array(65_536);
    const count = readSync(file, chunk);
    if (count === 0) return Buffer.concat(chunks, size);
    chunks.push(chunk.subarray(0, count));
    size += count;
    if (size > MAX_BYTES) {
      throw new GantryError('INVALID_ARGUMENT', `${name} has more than ${MAX_BYTES} bytes`, {
        hint: 'name a smaller one',
      });
    }
  }
}
