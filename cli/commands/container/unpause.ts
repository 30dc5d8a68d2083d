import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { forEach } from '../../each.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<container...>', 'names or ids').action(async (references: string[]) => {
    await withClient(EngineClient, cli, (engine) =>
      forEach(cli, references, async (reference) => {
        await ask(engine, engine.containerUnpause, { reference });
        return reference;
      }),
    );
  });
}
