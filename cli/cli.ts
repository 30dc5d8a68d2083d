/** What surrounds one run of the program; commands take everything that isn't in their arguments from here. */
import type { ReadStream, WriteStream } from 'node:tty';
import type { ContextStore } from './context/context-store.ts';
import type { Target } from './context/target.ts';

export interface Cli {
  /** The daemon that the command is for; set from the global options before a command runs. */
  target: Target;
  /** The user's contexts; of the global options, too. */
  contexts: () => ContextStore;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: ReadStream;
  readonly stdout: WriteStream;
  readonly stderr: WriteStream;
  readonly nowMs: () => number;
  /** What the program will exit with. */
  exitCode: number;
}

/** Until the global options are read. */
export const NOT_YET_CHOSEN: Pick<Cli, 'target' | 'contexts'> = {
  target: { kind: 'context', name: '' },
  contexts: () => {
    throw new Error('the global options have not been read');
  },
};

/** Writes all of it, waiting while the reader is behind. */
export function write(stream: WriteStream, data: string | Uint8Array): Promise<void> {
  if (data.length === 0 || stream.write(data)) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('drain', resolve);
  });
}

export function print(cli: Cli, text: string): Promise<void> {
  return write(cli.stdout, text);
}

export function printLine(cli: Cli, line: string): Promise<void> {
  return write(cli.stdout, `${line}\n`);
}

/** One line to standard error: warnings, and what went wrong with one of several objects. */
export function complain(cli: Cli, line: string): Promise<void> {
  return write(cli.stderr, `${line}\n`);
}
