import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { parseReference } from '../../../proto/image-reference.ts';
import { type Cli, printLine } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { pushImage } from '../../registry/push-image.ts';

interface PushOptions {
  readonly allTags?: boolean;
  readonly platform: string;
  readonly quiet?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<image>', 'name of the image: [REGISTRY/]NAME[:TAG]')
    .option('-a, --all-tags', 'all images of that name')
    .option('--platform <platform>', 'OS/ARCH to push of an image for several (default: all of it)', '')
    .option('-q, --quiet', 'print only the names')
    .action(async (reference: string, { allTags = false, platform, quiet = false }: PushOptions) => {
      await withClient(EngineClient, cli, async (engine) => {
        if (!quiet && !allTags && parseReference(reference).tag === undefined)
          await printLine(cli, 'Using default tag: latest');
        await pushImage(engine, cli, { reference, allTags, platform, quiet, stream: cli.stdout });
      });
    });
  refuse(command, '--disable-content-trust', 'leave it out');
}
