/** `compose stop`: ends the containers of services; the services stay, with their volumes. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, complain } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { stopTimeout } from '../../options/stop-timeout.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { projectServices, selectServices } from '../../project/project-state.ts';
import { stopServices } from '../../project/stop-project.ts';

interface StopOptions extends ProjectOptions {
  readonly timeout?: number;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all)'))
    .option('-t, --timeout <seconds>', 'how long containers have to stop (default: as the files say)', stopTimeout)
    .action(async (names: string[], options: StopOptions) => {
      const project = projectName(cli, options);
      await withClient(ControlClient, cli, async (control) => {
        const services = selectServices(await projectServices(control, project), names);
        await stopServices(control, project, services, options.timeout);
        for (const { name } of services) await complain(cli, `Stopped ${name}`);
      });
    });
}
