import type { Command } from 'commander';
import { type Cli, complain, printLine } from '../../cli.ts';
import { type Context, checkContextName } from '../../context/context.ts';
import { CliError } from '../../failure.ts';
import { declareEndpoint, type EndpointOptions, endpointOf } from './endpoint-option.ts';

interface CreateOptions extends EndpointOptions {
  readonly description?: string;
  readonly from?: string;
}

export function define(command: Command, cli: Cli): void {
  declareEndpoint(
    command
      .argument('<context>', 'name of the context')
      .option('--description <text>', 'what it is for')
      .option('--from <context>', 'take over the endpoint of another'),
  ).action(async (name: string, options: CreateOptions) => {
    checkContextName(name);
    const contexts = cli.contexts();
    if (contexts.has(name)) {
      throw new CliError(`context "${name}" already exists`, {
        hint: 'choose another name, or "gantry context update" it',
      });
    }
    const { hosts, identity } = await source(cli, options);
    contexts.save({ name, description: options.description ?? '', hosts, identity });
    await printLine(cli, name);
    await complain(cli, `Successfully created context "${name}"`);
  });
}

async function source(cli: Cli, { from, gantry }: CreateOptions): Promise<Pick<Context, 'hosts' | 'identity'>> {
  if (gantry !== undefined && from === undefined) return await endpointOf(cli, gantry);
  if (from !== undefined && gantry === undefined) return cli.contexts().load(from);
  throw new CliError('a context leads to one endpoint', {
    hint: 'give --gantry "host=tcp://HOST:PORT,ca=FILE,cert=FILE,key=FILE", or --from CONTEXT',
  });
}
