import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { forEach } from '../../each.ts';
import { failureText, isGantryError } from '../../failure.ts';

interface RemoveOptions {
  readonly force?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<image...>', 'names or ids')
    .option('-f, --force', 'also with several names; missing ones are no error')
    .action(async (references: string[], options: RemoveOptions) => {
      await withClient(EngineClient, cli, (engine) =>
        forEach(cli, references, (reference) => remove(engine, cli, reference, options.force ?? false)),
      );
    });
  refuse(command, '--no-prune', 'an image is removed with its last name');
  refuse(command, '--platform <platform>', 'name one of several by the id that inspect --platform shows');
}

async function remove(engine: EngineClient, cli: Cli, reference: string, force: boolean): Promise<string> {
  try {
    const { untagged, deleted } = await ask(engine, engine.imageRemove, { reference, force });
    return [...untagged.map((name) => `Untagged: ${name}`), ...deleted.map((id) => `Deleted: ${id}`)].join('\n');
  } catch (error) {
    if (!force || !isGantryError(error) || (error.code !== 'IMAGE_NOT_FOUND' && error.code !== 'NOT_FOUND'))
      throw error;
    // Said, but no failure.
    await complain(cli, `gantry: ${failureText(error)}`);
    return '';
  }
}
