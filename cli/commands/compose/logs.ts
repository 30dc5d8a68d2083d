/** `compose logs`: what the containers of a project have written, and write. */
import type { Command } from 'commander';
import { responses } from '../../../proto/client.ts';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { wholeNumber } from '../../command-line.ts';
import { withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { declareLogOptions, type LogOptions, logWindow } from '../../options/log-options.ts';
import { LogLines, printLogLine, usesColours } from '../../project/log-lines.ts';
import { mergeByTime } from '../../project/merge-lines.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { type ProjectService, projectServices, selectServices } from '../../project/project-state.ts';
import { currentTasksOf, taskAt } from '../../project/task-of-service.ts';

interface ComposeLogOptions extends LogOptions, ProjectOptions {
  readonly index?: number;
  readonly color: boolean;
  readonly logPrefix: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareLogOptions(declareProject(command.argument('[service...]', 'services (default: all)')))
    .option('--index <index>', 'of which of several containers (default: of all)', wholeNumber('--index'))
    .option('--no-color', 'without colours')
    .option('--no-log-prefix', 'only what was written, without the container before each line')
    .action((services: string[], options: ComposeLogOptions) => logs(cli, services, options));
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
    const references = await referencesOf(control, services, options.index);
    const open = references.map((reference) => responses(control.serviceLogs({ ...window, reference })));
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

/** Services, or those of their tasks that have the index. */
async function referencesOf(
  control: ControlClient,
  services: readonly ProjectService[],
  index: number | undefined,
): Promise<string[]> {
  if (index === undefined) return services.map(({ service }) => service.id);
  const tasks = await currentTasksOf(control, services);
  const ofService = Map.groupBy(tasks, ({ serviceId }) => serviceId);
  const chosen = [...ofService.values()].flatMap((own) => taskAt(own, index)?.id ?? []);
  if (chosen.length > 0) return chosen;
  throw new CliError(`no container with index ${index}`, { hint: "'gantry compose ps -a' lists those that there are" });
}

function widestName({ name, summary }: ProjectService): string {
  return `${name}.${summary.desiredTasks}`;
}
