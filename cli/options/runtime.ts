/** --runtime: there is one, which does what Docker's default does. */
import { CliError, EXIT } from '../failure.ts';

/** Gantry's own, and the names of the one that it takes the place of. */
const NAMES = new Set(['', 'gantry-runtime', 'runc', 'io.containerd.runc.v2']);

/** What `inspect` calls it. */
export const RUNTIME_NAME = 'gantry-runtime';

export function isRuntime(name: string): boolean {
  return NAMES.has(name);
}

export function checkRuntime(name: string): string {
  if (isRuntime(name)) return name;
  throw new CliError(`unknown or invalid runtime name: ${name}`, {
    hint: `leave it out: containers run by ${RUNTIME_NAME}`,
    exitCode: EXIT.refused,
  });
}
