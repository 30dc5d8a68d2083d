/** Archives that the user names: a file, or standard input. */
import { createReadStream, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Cli } from './cli.ts';
import { CliError } from './failure.ts';

const CHUNK_BYTES = 1 << 20;

/** The file's bytes; of undefined or "-" those of standard input, unless that is a terminal. */
export function openInput(cli: Cli, file: string | undefined, terminalHint: string): AsyncIterable<Buffer> {
  if (file === undefined || file === '-') {
    if (cli.stdin.isTTY) throw new CliError('standard input is a terminal', { hint: terminalHint });
    return cli.stdin;
  }
  const path = resolve(cli.cwd, file);
  // Looked at first: a stream would tell only while the upload is under way.
  if (statSync(path).isDirectory()) throw new CliError(`${file} is a directory`, { hint: 'name a tar archive' });
  return createReadStream(path, { highWaterMark: CHUNK_BYTES });
}
