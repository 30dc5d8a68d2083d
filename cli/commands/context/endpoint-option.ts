/** `--gantry`, or as Docker's scripts have it `--docker`: where a context leads to. */
import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { alias } from '../../command-line.ts';
import type { Context } from '../../context/context.ts';
import { readIdentity } from '../../context/daemon.ts';
import { parseEndpoint } from '../../context/endpoint.ts';

export interface EndpointOptions {
  readonly gantry?: string;
}

export function declareEndpoint(command: Command): Command {
  command.option(
    '--gantry <endpoint>',
    '"host=tcp://HOST:PORT,ca=FILE,cert=FILE,key=FILE"; host= once for each manager',
  );
  return alias(command, '--docker <endpoint>', 'gantry');
}

/** With its certificates read and compared with each other. */
export async function endpointOf(cli: Cli, text: string): Promise<Pick<Context, 'hosts' | 'identity'>> {
  const { hosts, tls } = parseEndpoint(text);
  const [first = ''] = hosts;
  if (!first.startsWith('tcp://')) return { hosts, identity: undefined };
  const identity = readIdentity(first, tls, cli.cwd);
  const { checkIdentity } = await import('../../context/key-pair.ts');
  checkIdentity(identity, first);
  return { hosts, identity };
}
