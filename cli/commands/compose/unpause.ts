/** `compose unpause`: lets containers of services go on that were paused. */
import type { Command } from 'commander';
import { ContainerStatus } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { ask } from '../../connection.ts';
import { withContainersIn } from '../../project/containers-in.ts';
import { declareProject, type ProjectOptions } from '../../project/project-options.ts';

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all)')).action(
    (names: string[], options: ProjectOptions) =>
      withContainersIn(cli, options, { names, status: ContainerStatus.PAUSED, done: 'Unpaused' }, (control, taskIds) =>
        ask(control, control.taskUnpause, { taskIds }),
      ),
  );
}
