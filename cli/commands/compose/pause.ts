/** `compose pause`: freezes the containers of services, on whichever nodes they are. */
import type { Command } from 'commander';
import { ContainerStatus } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { ask } from '../../connection.ts';
import { withContainersIn } from '../../project/containers-in.ts';
import { declareProject, type ProjectOptions } from '../../project/project-options.ts';

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all)')).action(
    (names: string[], options: ProjectOptions) =>
      withContainersIn(cli, options, { names, status: ContainerStatus.RUNNING, done: 'Paused' }, (control, taskIds) =>
        ask(control, control.taskPause, { taskIds }),
      ),
  );
}
