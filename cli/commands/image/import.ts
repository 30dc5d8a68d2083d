import type { Command } from 'commander';
import {
  EngineClient,
  type ImageImportRequest,
  type ImageImportResponse,
} from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, printLine } from '../../cli.ts';
import { collect, refuse } from '../../command-line.ts';
import { upload, withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { openInput } from '../../input.ts';

interface ImportOptions {
  readonly change: readonly string[];
  readonly message: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<file>', "tar of a root file system, or '-' for standard input")
    .argument('[reference]', 'name of the image: NAME[:TAG]', '')
    .option('-c, --change <instruction>', 'Dockerfile instruction for the image: CMD ["/bin/sh"]', collect, [])
    .option('-m, --message <text>', 'message of the commit', '')
    .action(async (file: string, reference: string, { change, message }: ImportOptions) => {
      if (/^https?:/.test(file)) {
        throw new CliError(`cannot import ${file}: URLs are not supported yet`, {
          hint: `pipe it in: curl -fsSL ${file} | gantry import -`,
        });
      }
      const archive = openInput(cli, file, 'name a file or pipe the archive in');
      const options = { reference, changes: [...change], message };
      const { id } = await withClient(EngineClient, cli, (engine) =>
        upload<ImageImportRequest, ImageImportResponse>(
          (done) => engine.imageImport(done),
          toMessages(options, archive),
        ),
      );
      await printLine(cli, id);
    });
  refuse(command, '--platform <platform>', "images are for the host's platform");
}

interface Options {
  readonly reference: string;
  readonly changes: string[];
  readonly message: string;
}

async function* toMessages(options: Options, archive: AsyncIterable<Buffer>): AsyncGenerator<ImageImportRequest> {
  yield { message: { $case: 'options', value: options } };
  for await (const value of archive) yield { message: { $case: 'data', value } };
}
