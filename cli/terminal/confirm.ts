/** A question before something that can't be taken back. */
import { createInterface, type Interface } from 'node:readline/promises';
import { type Cli, write } from '../cli.ts';
import { CliError } from '../failure.ts';

/** True for yes, also of what is piped in: `yes | gantry image prune`. Where nothing is, an error that says how to go on. */
export async function confirm(cli: Cli, question: string): Promise<boolean> {
  const { isTTY } = cli.stdin;
  const lines = createInterface({ input: cli.stdin, output: cli.stderr, terminal: isTTY });
  try {
    const answer = firstLine(lines);
    const asked = question.endsWith('.') ? `${question}\nAre you sure you want to continue` : question;
    if (isTTY) await write(cli.stderr, `${asked}? [y/N] `);
    const line = await answer;
    if (line === undefined && !isTTY)
      throw new CliError(`${question}: nobody can answer`, { hint: 'use -f to go on without asking' });
    return /^y(es)?$/i.test(line?.trim() ?? '');
  } finally {
    lines.close();
    cli.stdin.destroy();
  }
}

/** Undefined when there is none. */
function firstLine(lines: Interface): Promise<string | undefined> {
  return new Promise((resolve) => {
    lines.once('line', resolve);
    // Also on Ctrl-D.
    lines.once('close', () => resolve(undefined));
  });
}
