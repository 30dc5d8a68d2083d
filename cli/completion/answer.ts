/** The answer to a shell's question, a line for each word that may come next. */
import type { Cli } from '../cli.ts';
import { print } from '../cli.ts';
import { type Completion, complete } from './complete.ts';
import { FILES_MARK } from './scripts.ts';

/** Never rejects: a shell has no place for what went wrong. */
export async function answerShell(words: readonly string[], cli: Cli): Promise<void> {
  const completion = await complete(words, cli).catch((): Completion => ({ candidates: [], files: false }));
  const lines = completion.candidates.map(({ value, description }) =>
    description === '' ? value : `${value}\t${oneLine(description)}`,
  );
  if (completion.files) lines.push(FILES_MARK);
  await print(cli, lines.map((line) => `${line}\n`).join(''));
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
