/** `compose commit`: makes an image of a container of a service, on whichever node it runs. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, printLine } from '../../cli.ts';
import { collect, declareSwitch, wholeNumber } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { runningTaskOf } from '../../project/task-of-service.ts';

interface CommitOptions extends ProjectOptions {
  readonly author: string;
  readonly change: string[];
  readonly index?: number;
  readonly message: string;
  readonly pause: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('<service>', 'name of a service that runs'))
    .argument('[name]', 'name of the image: NAME[:TAG]', '')
    .option('-a, --author <text>', 'author of the image', '')
    .option('-c, --change <instruction>', 'Dockerfile instruction for the image: CMD ["/bin/sh"]', collect, [])
    .option('--index <index>', 'which of several containers (default: the first)', wholeNumber('--index'))
    .option('-m, --message <text>', 'message of the commit', '')
    .action((service: string, name: string, options: CommitOptions) => commit(cli, service, name, options));
  // `-p` is the project's name here only before the verb.
  declareSwitch(command, '-p, --pause', 'freeze the container meanwhile, which is what is done anyway');
  command.setOptionValue('pause', true);
}

async function commit(cli: Cli, service: string, name: string, options: CommitOptions): Promise<void> {
  const { author, message, change: changes, pause } = options;
  await withClient(ControlClient, cli, async (control) => {
    const { id: taskId } = await runningTaskOf(control, projectName(cli, options), service, options.index);
    const request = { reference: '', name, author, message, changes, pause };
    const { imageId } = await ask(control, control.taskCommit, { taskId, commit: request });
    await printLine(cli, imageId);
  });
}
