import type { Command } from 'commander';
import { responses } from '../../../proto/client.ts';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { parseReference } from '../../../proto/image-reference.ts';
import { type Cli, printLine } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { credentialsForImage } from '../../registry/credentials.ts';
import { TransferDisplay } from '../../registry/transfer-display.ts';

interface PushOptions {
  readonly allTags?: boolean;
  readonly quiet?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<image>', 'name of the image: [REGISTRY/]NAME[:TAG]')
    .option('-a, --all-tags', 'all images of that name')
    .option('-q, --quiet', 'print only the names')
    .action(async (reference: string, options: PushOptions) => {
      await withClient(EngineClient, cli, (engine) => push(engine, cli, reference, options));
    });
  refuse(command, '--disable-content-trust', 'leave it out');
  refuse(command, '--platform <platform>', 'an image is pushed as it is here');
}

async function push(
  engine: EngineClient,
  cli: Cli,
  reference: string,
  { allTags = false, quiet = false }: PushOptions,
): Promise<void> {
  if (!quiet && !allTags && parseReference(reference).tag === undefined)
    await printLine(cli, 'Using default tag: latest');
  const credentials = await credentialsForImage(cli, reference);
  const display = new TransferDisplay(cli.stdout, 'push', quiet);
  let repository = '';
  for await (const { message } of responses(engine.imagePush({ reference, allTags, credentials }))) {
    if (message?.$case === 'pushing') {
      repository = message.value.repository;
      if (!quiet) await printLine(cli, `The push refers to repository [${repository}]`);
    } else if (message?.$case === 'progress') display.show(message.value);
    else if (message?.$case === 'pushed') {
      display.end();
      const { tag, digest, sizeBytes } = message.value;
      await printLine(cli, quiet ? `${repository}:${tag}` : `${tag}: digest: ${digest} size: ${sizeBytes}`);
    }
  }
}
