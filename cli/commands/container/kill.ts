import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { forEach } from '../../each.ts';

interface KillOptions {
  readonly signal: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<container...>', 'names or ids')
    .option('-s, --signal <signal>', 'name or number of the signal', 'KILL')
    .action(async (references: string[], { signal }: KillOptions) => {
      await withClient(EngineClient, cli, (engine) =>
        forEach(cli, references, async (reference) => {
          await ask(engine, engine.containerKill, { reference, signal });
          return reference;
        }),
      );
    });
}
