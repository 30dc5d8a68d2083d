/** `compose start`: runs again what was stopped, or has ended. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { stopTimeout } from '../../options/stop-timeout.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { projectServices, selectServices, withDependencies } from '../../project/project-state.ts';
import { startServices } from '../../project/start-project.ts';

interface StartOptions extends ProjectOptions {
  readonly wait?: boolean;
  readonly waitTimeout?: number;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services, with those that they depend on (default: all)'))
    .option('--wait', 'wait until all are healthy')
    .option('--wait-timeout <seconds>', 'longest time to wait', stopTimeout)
    .action(async (names: string[], options: StartOptions) => {
      const project = projectName(cli, options);
      await withClient(ControlClient, cli, async (control) => {
        const all = await projectServices(control, project);
        const services = withDependencies(all, selectServices(all, names));
        await startServices(cli, control, project, services, options);
      });
    });
}
