import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<source>', 'name or id of the image')
    .argument('<target>', 'further name: NAME[:TAG]')
    .action(async (source: string, target: string) => {
      await withClient(EngineClient, cli, (engine) => ask(engine, engine.imageTag, { source, target }));
    });
}
