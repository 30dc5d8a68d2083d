/** `npm run lab`: exits with 2 for what was asked wrongly, with 1 for what went wrong, and with a command's own code. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { errorLine, toGantryError } from '../../proto/errors.ts';
import { labProgram } from './commands.ts';

const directory = process.env.GANTRY_LAB || join(tmpdir(), 'gantry-lab');
try {
  await labProgram(directory).parseAsync();
} catch (thrown) {
  process.exitCode = report(thrown);
}

function report(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
  const error = toGantryError(thrown);
  process.stderr.write(`lab: ${errorLine(error)}\n`);
  return error.fault === 'user' ? 2 : 1;
}
