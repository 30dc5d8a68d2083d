import type { Command } from 'commander';
import {
  EngineClient,
  type ImageImportRequest,
  type ImageImportResponse,
} from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, printLine } from '../../cli.ts';
import { collect } from '../../command-line.ts';
import { upload, withClient } from '../../connection.ts';
import { download, isUrl } from '../../download.ts';
import { openInput } from '../../input.ts';

interface ImportOptions {
  readonly change: readonly string[];
  readonly message: string;
  readonly platform: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<file>', "tar of a root file system: a file, an http:// or https:// URL, or '-' for standard input")
    .argument('[reference]', 'name of the image: NAME[:TAG]', '')
    .option('-c, --change <instruction>', 'Dockerfile instruction for the image: CMD ["/bin/sh"]', collect, [])
    .option('-m, --message <text>', 'message of the commit', '')
    .option('--platform <platform>', "what the image is for: OS/ARCHITECTURE (default: the host's)", '')
    .action(async (file: string, reference: string, { change, message, platform }: ImportOptions) => {
      const isRemote = isUrl(file);
      const archive = isRemote ? download(file) : openInput(cli, file, 'name a file or pipe the archive in');
      const comment = message === '' && isRemote ? `Imported from ${file}` : message;
      const options = { reference, changes: [...change], message: comment, platform };
      const { id } = await withClient(EngineClient, cli, (engine) =>
        upload<ImageImportRequest, ImageImportResponse>(
          (done) => engine.imageImport(done),
          toMessages(options, archive),
        ),
      );
      await printLine(cli, id);
    });
}

interface Options {
  readonly reference: string;
  readonly changes: string[];
  readonly message: string;
  readonly platform: string;
}

async function* toMessages(options: Options, archive: AsyncIterable<Buffer>): AsyncGenerator<ImageImportRequest> {
  yield { message: { $case: 'options', value: options } };
  for await (const value of archive) yield { message: { $case: 'data', value } };
}
