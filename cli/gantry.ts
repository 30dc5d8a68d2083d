/** The program's entry: what it has of the process, and how the rest is loaded. */
import type { WriteStream } from 'node:tty';
import { type Cli, NOT_YET_CHOSEN } from './cli.ts';
import { loadMain } from './code-cache.ts';

/** The reader has gone (`gantry logs | head`): end as a program killed by SIGPIPE does, without a word. */
function endWithoutReader(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(128 + 13);
  throw error;
}

const watched = new Set<WriteStream>();

function watch(stream: WriteStream): WriteStream {
  if (!watched.has(stream)) stream.on('error', endWithoutReader);
  watched.add(stream);
  return stream;
}

/** Resolves when the system has all that was written to the stream. */
function written(stream: WriteStream): Promise<void> {
  return stream.writableLength === 0 ? Promise.resolve() : new Promise((done) => stream.write('', () => done()));
}

const cli: Cli = {
  ...NOT_YET_CHOSEN,
  env: process.env,
  cwd: process.cwd(),
  // Opened when first asked for: each costs a millisecond or two, and few commands need all three.
  get stdin() {
    return process.stdin;
  },
  get stdout() {
    return watch(process.stdout);
  },
  get stderr() {
    return watch(process.stderr);
  },
  nowMs: Date.now,
  exitCode: 0,
};

/** No await at the top level: this file also runs as CommonJS, which Node starts some milliseconds faster. */
async function run(argv: readonly string[]): Promise<void> {
  const { main, keepCode } = await loadMain(argv);
  const code = await main(argv, cli);
  if (code === 0) keepCode();
  for (const stream of watched) await written(stream);
  // Ending here saves what Node takes to clear up after itself.
  process.exit(code);
}

void run(process.argv.slice(2));
