/** Commands on a host that have the user's terminal. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { GantryError } from '../../proto/errors.ts';
import type { PoweredHost } from './powered-host.ts';

/** Runs a command on a host; its exit code, 128 and the signal's number when it was killed. */
export function runOn(host: PoweredHost, command: readonly string[]): Promise<number> {
  return runHere(host.resident(command), host.environment);
}

/** Shows what gantryd has logged, and with `-f` among tail's flags what it logs from then on. */
export async function showLog({ name, logPath }: PoweredHost, flags: readonly string[]): Promise<number> {
  if (!existsSync(logPath)) throw new GantryError('NOT_FOUND', `${name} has no log yet`);
  return runHere(['tail', '-n', '+1', ...flags, logPath], {});
}

function runHere(argv: readonly string[], environment: Readonly<Record<string, string>>): Promise<number> {
  const [program = '', ...args] = argv;
  // A terminal tells the command, too; it is for the command to say what becomes of it.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.on(signal, () => undefined);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...environment } });
    // Sent to this process alone, it is the command's.
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
