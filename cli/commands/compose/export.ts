/** `compose export`: the file system of a container of a service, on whichever node it runs, as an archive. */
import type { Command } from 'commander';
import { responses } from '../../../proto/client.ts';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { wholeNumber } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { writeArchive } from '../../output-file.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { runningTaskOf } from '../../project/task-of-service.ts';

interface ExportOptions extends ProjectOptions {
  readonly index?: number;
  readonly output?: string;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('<service>', 'name of a service that runs'))
    .option('--index <index>', 'which of several containers (default: the first)', wholeNumber('--index'))
    .option('-o, --output <file>', 'write the archive to this file instead of standard output')
    .action(async (service: string, options: ExportOptions) => {
      await withClient(ControlClient, cli, async (control) => {
        const { id: taskId } = await runningTaskOf(control, projectName(cli, options), service, options.index);
        await writeArchive(cli, options.output, () => responses(control.taskExport({ taskId })));
      });
    });
}
