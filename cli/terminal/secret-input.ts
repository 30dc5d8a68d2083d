/** Something secret from the user: typed unseen on a terminal, or the first line of what is piped in. */
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { type Cli, complain, write } from '../cli.ts';
import { CliError } from '../failure.ts';

export async function readSecret(cli: Cli, prompt: string): Promise<string> {
  const { isTTY } = cli.stdin;
  if (isTTY) await write(cli.stderr, prompt);
  // Readline echoes what is typed to its output: to nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: cli.stdin, output: nowhere, terminal: isTTY });
  try {
    const line = await firstLine(lines);
    if (isTTY) await complain(cli, '');
    return line;
  } finally {
    lines.close();
    cli.stdin.destroy();
  }
}

function firstLine(lines: ReturnType<typeof createInterface>): Promise<string> {
  return new Promise((resolve, reject) => {
    lines.once('line', (line) => resolve(line.trim()));
    // Also on Ctrl-C and Ctrl-D.
    lines.once('close', () => reject(new CliError('nothing was given')));
  });
}
