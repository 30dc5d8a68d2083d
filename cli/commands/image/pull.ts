import type { Command } from 'commander';
import { EngineClient, PullOrder } from '../../../proto/generated/gantry/v1/engine.ts';
import { canonicalName, parseReference } from '../../../proto/image-reference.ts';
import { type Cli, printLine } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { pullImage } from '../../registry/pull-image.ts';

interface PullOptions {
  readonly allTags?: boolean;
  readonly platform: string;
  readonly quiet?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<image>', 'name of the image: [REGISTRY/]NAME[:TAG|@DIGEST]')
    .option('-a, --all-tags', 'all images of that name')
    .option('--platform <platform>', "OS/ARCH to pull it for (default: the host's)", '')
    .option('-q, --quiet', 'print only the name')
    .action(async (reference: string, { allTags = false, platform, quiet = false }: PullOptions) => {
      const { tag, digest } = parseReference(reference);
      if (!quiet && !allTags && tag === undefined && digest === undefined)
        await printLine(cli, 'Using default tag: latest');
      const order = PullOrder.REGISTRY_FIRST;
      const options = { reference, platform, allTags, quiet, order, stream: cli.stdout };
      const pulled = await withClient(EngineClient, cli, (engine) => pullImage(engine, cli, options));
      for (const { name } of pulled) await printLine(cli, canonicalName(parseReference(name)));
    });
  refuse(command, '--disable-content-trust', 'leave it out');
}
