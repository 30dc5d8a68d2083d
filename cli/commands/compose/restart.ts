/** `compose restart`: stops services, then starts them again. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { Cli } from '../../cli.ts';
import { withClient } from '../../connection.ts';
import { stopTimeout } from '../../options/stop-timeout.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { projectServices, selectServices } from '../../project/project-state.ts';
import { restartServices } from '../../project/start-project.ts';

interface RestartOptions extends ProjectOptions {
  readonly timeout?: number;
  /** False for --no-deps. */
  readonly deps: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all)'))
    .option('-t, --timeout <seconds>', 'how long containers have to stop (default: as the files say)', stopTimeout)
    .option('--no-deps', 'without those that depend on them with restart: true')
    .action(async (names: string[], options: RestartOptions) => {
      const project = projectName(cli, options);
      await withClient(ControlClient, cli, async (control) => {
        const services = selectServices(await projectServices(control, project), names);
        const how = { timeoutMs: options.timeout, withDependents: options.deps, progress: options.progress };
        await restartServices(cli, control, project, services, how);
      });
    });
}
