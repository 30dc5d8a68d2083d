/** Reads what a compose file names: other files, or standard input as "-". */
import { readFileSync } from 'node:fs';

/** Undefined when there is no such file. */
export function readStackFile(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path === '-' ? process.stdin.fd : path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}
