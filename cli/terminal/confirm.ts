/** A question before something that can't be taken back. */
import { createInterface } from 'node:readline/promises';
import type { Cli } from '../cli.ts';
import { CliError } from '../failure.ts';

/** True for yes. Without a terminal nobody can answer: an error that says how to go on. */
export async function confirm(cli: Cli, question: string): Promise<boolean> {
  if (!cli.stdin.isTTY)
    throw new CliError(`${question}: nobody can answer`, { hint: 'use -f to go on without asking' });
  const lines = createInterface({ input: cli.stdin, output: cli.stderr });
  try {
    const answer = await lines.question(`${question}? [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
    cli.stdin.destroy();
  }
}
