import type { Command } from 'commander';
import { type Cli, complain, printLine } from '../../cli.ts';
import { CliError } from '../../failure.ts';
import { declareEndpoint, type EndpointOptions, endpointOf } from './endpoint-option.ts';

interface UpdateOptions extends EndpointOptions {
  readonly description?: string;
}

export function define(command: Command, cli: Cli): void {
  declareEndpoint(
    command.argument('<context>', 'name of the context').option('--description <text>', 'what it is for'),
  ).action(async (name: string, { description, gantry }: UpdateOptions) => {
    if (description === undefined && gantry === undefined) {
      throw new CliError('nothing to update', { hint: 'give --description or --gantry' });
    }
    const contexts = cli.contexts();
    const context = contexts.load(name);
    const endpoint = gantry === undefined ? {} : await endpointOf(cli, gantry);
    contexts.save({ ...context, ...endpoint, description: description ?? context.description });
    await printLine(cli, name);
    await complain(cli, `Successfully updated context "${name}"`);
  });
}
