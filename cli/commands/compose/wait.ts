/** `compose wait`: until containers of services have ended. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, printLine } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { projectServices, selectServices } from '../../project/project-state.ts';
import { removeProject } from '../../project/remove-project.ts';
import { endedTasks } from '../../project/until-over.ts';

interface WaitOptions extends ProjectOptions {
  readonly downProject?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('<service...>', 'services'))
    .option('--down-project', 'take the project away when the first container has ended')
    .action((names: string[], options: WaitOptions) => wait(cli, names, options));
}

async function wait(cli: Cli, names: readonly string[], options: WaitOptions): Promise<void> {
  const project = projectName(cli, options);
  await withClient(ControlClient, cli, async (control) => {
    const selected = selectServices(await projectServices(control, project), names);
    const services = new Set(selected.map(({ service }) => service.id));
    // Each container that is there counts, once it has ended.
    const watched = { project, services, earlierTasks: new Set<string>() };
    for await (const { status } of endedTasks(control, watched, new AbortController().signal)) {
      cli.exitCode = status?.exitCode ?? 0;
      await printLine(cli, `container "${status?.containerId}" exited with status code ${cli.exitCode}`);
      if (options.downProject) return await removeProject(cli, control, project, options);
    }
  });
}
