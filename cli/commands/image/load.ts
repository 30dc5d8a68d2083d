import type { Command } from 'commander';
import {
  EngineClient,
  type ImageLoadRequest,
  type ImageLoadResponse,
} from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, printLine } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { upload, withClient } from '../../connection.ts';
import { openInput } from '../../input.ts';

interface LoadOptions {
  readonly input?: string;
  readonly quiet?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-i, --input <file>', 'read the archive from this file instead of standard input')
    .option('-q, --quiet', 'show no progress')
    .action(async ({ input }: LoadOptions) => {
      const archive = openInput(cli, input, "name the archive with -i, or pipe it in: 'gantry load < images.tar'");
      const { loaded } = await withClient(EngineClient, cli, (engine) =>
        upload<ImageLoadRequest, ImageLoadResponse>((done) => engine.imageLoad(done), toMessages(archive)),
      );
      for (const name of loaded) await printLine(cli, `Loaded image${idOrName(name)}: ${name}`);
    });
  refuse(command, '--platform <platform>', 'leave it out: what the archive has for several is loaded');
}

function idOrName(name: string): string {
  return name.startsWith('sha256:') ? ' ID' : '';
}

async function* toMessages(archive: AsyncIterable<Buffer>): AsyncGenerator<ImageLoadRequest> {
  for await (const data of archive) yield { data };
}
