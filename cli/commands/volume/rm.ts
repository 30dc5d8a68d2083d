import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { forEach } from '../../each.ts';
import { isGantryError } from '../../failure.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<volume...>', 'names')
    .option('-f, --force', 'missing ones are no error')
    .action(async (names: string[], { force }: { readonly force?: boolean }) => {
      await withClient(EngineClient, cli, (engine) =>
        forEach(cli, names, (name) => remove(engine, name, force ?? false)),
      );
    });
}

async function remove(engine: EngineClient, name: string, force: boolean): Promise<string> {
  try {
    await ask(engine, engine.volumeRemove, { name });
    return name;
  } catch (error) {
    if (force && isGantryError(error) && error.code === 'NOT_FOUND') return name;
    throw error;
  }
}
