/** The program's entry: sets up what Node needs, then runs the command line. */
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Compiled code is kept per user, which saves most of the time that loading gRPC takes. Where nothing can be
 * written, Node goes on without. XDG Base Directory Specification.
 */
function cacheDirectory(): string {
  const base = process.env.XDG_CACHE_HOME;
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'gantry', 'compiled');
}

/** The reader has gone (`gantry logs | head`): end as a program killed by SIGPIPE does, without a word. */
function endWithoutReader(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(128 + 13);
  throw error;
}

enableCompileCache(cacheDirectory());
process.stdout.on('error', endWithoutReader);
process.stderr.on('error', endWithoutReader);

const { main } = await import('./main.ts');
process.exitCode = await main(process.argv.slice(2), {
  host: '',
  env: process.env,
  cwd: process.cwd(),
  // Opened when first asked for: a terminal's or a pipe's stream costs a millisecond each.
  get stdin() {
    return process.stdin;
  },
  get stdout() {
    return process.stdout;
  },
  get stderr() {
    return process.stderr;
  },
  nowMs: Date.now,
  exitCode: 0,
});
