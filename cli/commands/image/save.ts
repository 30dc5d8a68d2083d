import type { Command } from 'commander';
import { responses } from '../../../proto/client.ts';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { writeArchive } from '../../output-file.ts';

interface SaveOptions {
  readonly output?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<image...>', 'names or ids; a name without a tag means all of its tags')
    .option('-o, --output <file>', 'write the archive to this file instead of standard output')
    .action(async (references: string[], { output }: SaveOptions) => {
      await withClient(EngineClient, cli, (engine) =>
        writeArchive(cli, output, () => responses(engine.imageSave({ references }))),
      );
    });
  refuse(command, '--platform <platform>', "images are for the host's platform");
}
