import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<network>', 'name or id')
    .argument('<container>', 'name or id, running or not')
    .option('-f, --force', 'no error when it is not on the network')
    .action(async (network: string, container: string, { force = false }: { readonly force?: boolean }) => {
      await withClient(EngineClient, cli, (engine) =>
        ask(engine, engine.networkDisconnect, { container, network, force }),
      );
    });
}
