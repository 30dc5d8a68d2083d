import type { Command } from 'commander';
import { responses } from '../../../proto/client.ts';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { writeArchive } from '../../output-file.ts';

interface ExportOptions {
  readonly output?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<container>', 'name or id; running or not')
    .option('-o, --output <file>', 'write the archive to this file instead of standard output')
    .action(async (reference: string, { output }: ExportOptions) => {
      await withClient(EngineClient, cli, (engine) =>
        writeArchive(cli, output, () => responses(engine.containerExport({ reference }))),
      );
    });
}
