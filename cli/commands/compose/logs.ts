/** `compose logs`: what the containers of a project have written, and write. */
import type { Command } from 'commander';
import { responses } from '../../../proto/client.ts';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { declareLogOptions, type LogOptions, logWindow } from '../../options/log-options.ts';
import { LogLines, printLogLine, usesColours } from '../../project/log-lines.ts';
import { mergeByTime } from '../../project/merge-lines.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { type ProjectService, projectServices, selectServices } from '../../project/project-state.ts';

interface ComposeLogOptions extends LogOptions, ProjectOptions {
  readonly color: boolean;
  readonly logPrefix: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareLogOptions(declareProject(command.argument('[service...]', 'services (default: all)')))
    .option('--no-color', 'without colours')
    .option('--no-log-prefix', 'only what was written, without the container before each line')
    .action((services: string[], options: ComposeLogOptions) => logs(cli, services, options));
  refuse(
    command,
    '--index <index>',
    "'gantry service logs TASK' shows those of one task; 'gantry stack ps' lists them",
  );
}

async function logs(cli: Cli, names: readonly string[], options: ComposeLogOptions): Promise<void> {
  const project = projectName(cli, options);
  const window = logWindow(options, cli.nowMs());
  await withClient(ControlClient, cli, async (control) => {
    const services = selectServices(await projectServices(control, project), names);
    const lines = new LogLines(
      {
        project,
        colours: options.color && usesColours(cli, options.ansi),
        prefixes: options.logPrefix,
        timestamps: options.timestamps ?? false,
      },
      services.map(widestName),
    );
    const open = services.map(({ service }) => responses(control.serviceLogs({ ...window, reference: service.id })));
    if (window.follow) {
      await Promise.all(
        open.map(async (log) => {
          for await (const line of log) await printLogLine(cli, lines, line);
        }),
      );
      return;
    }
    for await (const line of mergeByTime(open)) await printLogLine(cli, lines, line);
  });
}

function widestName({ name, summary }: ProjectService): string {
  return `${name}.${summary.desiredTasks}`;
}
