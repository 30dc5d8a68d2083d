import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Cli, complain } from '../../cli.ts';
import { formatContext } from '../../context/context.ts';
import { CliError } from '../../failure.ts';
import { writeOutput } from '../../output-file.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<context>', 'name of the context')
    .argument(
      '[file]',
      "where to write it, or '-' for standard output (default: CONTEXT.gantrycontext); it holds the key",
    )
    .action(async (name: string, given: string | undefined) => {
      const context = cli.contexts().load(name);
      const file = given ?? `${name}.gantrycontext`;
      if (file !== '-' && existsSync(resolve(cli.cwd, file))) {
        throw new CliError(`${file} is there already`, { hint: 'name another file, or remove it' });
      }
      await writeOutput(cli, file, inOnePart(formatContext(context)));
      if (file !== '-') await complain(cli, `Written file "${file}". Whoever has it can use the cluster as you do.`);
    });
}

async function* inOnePart(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}
