import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { forEach } from '../../each.ts';
import { isGantryError } from '../../failure.ts';

interface RemoveOptions {
  readonly force?: boolean;
  readonly volumes?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<container...>', 'names or ids')
    .option('-f, --force', 'kill it if it runs; missing ones are no error')
    .option('-v, --volumes', 'remove its anonymous volumes too')
    .action(async (references: string[], options: RemoveOptions) => {
      await withClient(EngineClient, cli, (engine) =>
        forEach(cli, references, (reference) => remove(engine, reference, options)),
      );
    });
  refuse(command, '-l, --link', 'there are no links');
}

async function remove(engine: EngineClient, reference: string, options: RemoveOptions): Promise<string> {
  const force = options.force ?? false;
  try {
    const request = { reference, force, volumes: options.volumes ?? false };
    await ask(engine, engine.containerRemove, request);
    return reference;
  } catch (error) {
    if (force && isGantryError(error) && error.code === 'NOT_FOUND') return '';
    throw error;
  }
}
