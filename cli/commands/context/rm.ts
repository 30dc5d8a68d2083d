import type { Command } from 'commander';
import { type Cli, complain, printLine } from '../../cli.ts';
import { contextName } from '../../context/daemon.ts';
import { CliError, EXIT, failureText } from '../../failure.ts';

interface RemoveOptions {
  readonly force?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<context...>', 'names of contexts')
    .option('-f, --force', 'also the one in use')
    .action(async (names: string[], { force = false }: RemoveOptions) => {
      for (const name of names) {
        try {
          remove(cli, name, force);
          await printLine(cli, name);
        } catch (error) {
          await complain(cli, `gantry: ${failureText(error)}`);
          cli.exitCode = EXIT.failed;
        }
      }
    });
}

/** Not by what is in it: a file that can't be read can be removed all the same. */
function remove(cli: Cli, name: string, force: boolean): void {
  const contexts = cli.contexts();
  if (!contexts.names().includes(name)) {
    throw new CliError(`context "${name}" does not exist`, { hint: '"gantry context ls" lists them' });
  }
  if (!force && [contextName(cli), contexts.current()].includes(name)) {
    throw new CliError(`context "${name}" is in use`, { hint: 'use another first, or remove it with --force' });
  }
  contexts.remove(name);
}
