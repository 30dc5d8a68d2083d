/** `compose wait`: until containers of services have ended. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, printLine } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { projectServices, selectServices } from '../../project/project-state.ts';
import { endedTasks } from '../../project/until-over.ts';

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('<service...>', 'services')).action(
    async (names: string[], options: ProjectOptions) => {
      const project = projectName(cli, options);
      await withClient(ControlClient, cli, async (control) => {
        const selected = selectServices(await projectServices(control, project), names);
        const services = new Set(selected.map(({ service }) => service.id));
        // Each container that is there counts, once it has ended.
        const watched = { project, services, earlierTasks: new Set<string>() };
        let exitCode = 0;
        for await (const { status } of endedTasks(control, watched, new AbortController().signal)) {
          exitCode = status?.exitCode ?? 0;
          await printLine(cli, String(exitCode));
        }
        cli.exitCode = exitCode;
      });
    },
  );
}
