/** Runs a program of this host that the builder leans on: git, xz, bzip2. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GantryError } from '../../proto/errors.ts';

/** Of what it prints to be read, this much is kept. */
const MAX_TEXT = 1 << 20;

export interface ProgramOptions {
  readonly signal: AbortSignal;
  /** Besides this process' own. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Resolves to its standard output. Aborting kills it. Throws UNSUPPORTED when it isn't installed, HOST with its last
 * line when it fails, CANCELLED.
 */
export async function runProgram(program: string, args: readonly string[], options: ProgramOptions): Promise<string> {
  let text = '';
  await run(program, args, options, async (stdout) => {
    for await (const data of stdout) text = (text + String(data)).slice(0, MAX_TEXT);
  });
  return text;
}

/** The same with its standard output in a new file; INVALID_ARGUMENT when that is more than `maxBytes`. */
export async function runProgramInto(
  file: { readonly path: string; readonly maxBytes: number },
  program: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<void> {
  await run(program, args, options, async (stdout) => {
    await pipeline(bounded(stdout, file.maxBytes), createWriteStream(file.path, { flags: 'wx', mode: 0o600 }));
  });
}

async function* bounded(source: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new GantryError('INVALID_ARGUMENT', `it gives more than ${maxBytes} bytes`);
    yield chunk;
  }
}

async function run(
  program: string,
  args: readonly string[],
  { signal, env }: ProgramOptions,
  take: (stdout: Readable) => Promise<void>,
): Promise<void> {
  if (signal.aborted) throw new GantryError('CANCELLED', `${program} was not started`);
  // A group of its own, so that its helpers end with it.
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    detached: true,
  });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => {
    errors = (errors + data.toString()).slice(-MAX_TEXT);
  });
  const kill = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  };
  signal.addEventListener('abort', kill);
  try {
    const closed = once(child, 'close');
    const taken = take(child.stdout).catch((error: unknown) => {
      kill();
      throw error;
    });
    const [[code]] = await Promise.all([closed, taken]);
    if (signal.aborted) throw new GantryError('CANCELLED', `${program} was ended`);
    if (code !== 0)
      throw new GantryError('HOST', `${program}: ${errors.trim().split('\n').at(-1) || `exit code ${code}`}`);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    throw new GantryError('UNSUPPORTED', `the program ${program} is not there`, {
      hint: `install ${program} on the host that builds`,
      cause: error,
    });
  } finally {
    signal.removeEventListener('abort', kill);
  }
}
