import type { Command } from 'commander';
import { responses } from '../../../proto/client.ts';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { writeArchive } from '../../output-file.ts';

interface SaveOptions {
  readonly output?: string;
  readonly platform: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<image...>', 'names or ids; a name without a tag means all of its tags')
    .option('-o, --output <file>', 'write the archive to this file instead of standard output')
    .option('--platform <platform>', 'OS/ARCH to save of images for several (default: all of them)', '')
    .action(async (references: string[], { output, platform }: SaveOptions) => {
      await withClient(EngineClient, cli, (engine) =>
        writeArchive(cli, output, () => responses(engine.imageSave({ references, platform }))),
      );
    });
}
