import type { Command } from 'commander';
import { type Cli, complain, printLine } from '../../cli.ts';
import { DEFAULT_CONTEXT } from '../../context/target.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<context>', "name of the context, or 'default'").action(async (name: string) => {
    const contexts = cli.contexts();
    if (name !== DEFAULT_CONTEXT) contexts.load(name);
    contexts.use(name);
    await printLine(cli, name);
    for (const variable of ['GANTRY_HOST', 'GANTRY_CONTEXT']) {
      if (!cli.env[variable] || (name === DEFAULT_CONTEXT && variable === 'GANTRY_HOST')) continue;
      await complain(
        cli,
        `gantry: warning: ${variable} in the environment overrides the current context; to use "${name}", unset it or give --context ${name}`,
      );
    }
    await complain(cli, `Current context is now "${name}"`);
  });
}
