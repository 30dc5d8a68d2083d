/** `compose rm`: removes services that are stopped, or whose containers have ended. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { TaskState } from '../../../proto/generated/gantry/v1/types.ts';
import { type Cli, complain } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import {
  currentTasks,
  hasEnded,
  type ProjectService,
  projectServices,
  selectServices,
} from '../../project/project-state.ts';
import { removeServices } from '../../project/remove-services.ts';
import { stopServices } from '../../project/stop-project.ts';
import { confirm } from '../../terminal/confirm.ts';
import { progressIn } from '../../terminal/progress.ts';

interface RmOptions extends ProjectOptions {
  readonly force?: boolean;
  readonly stop?: boolean;
  readonly volumes?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all)'))
    .option('-f, --force', "don't ask")
    .option('-s, --stop', 'stop them before')
    .option('-v, --volumes', 'as docker has it; anonymous volumes go with their containers anyway')
    .action((names: string[], options: RmOptions) => rm(cli, names, options));
}

async function rm(cli: Cli, names: readonly string[], options: RmOptions): Promise<void> {
  const project = projectName(cli, options);
  await withClient(ControlClient, cli, async (control) => {
    const selected = selectServices(await projectServices(control, project), names);
    const services = options.stop ? selected : await idleServices(control, project, selected);
    if (services.length === 0) return await complain(cli, 'No stopped containers');
    const list = services.map(({ name }) => name).join(', ');
    if (!options.force && !(await confirm(cli, `Going to remove ${list}. Are you sure`))) return;
    if (options.stop) await stopServices(control, project, services, undefined);
    const progress = progressIn(cli.stderr, 'quiet');
    await removeServices(cli, control, project, services, { timeoutMs: undefined, progress });
    for (const { name } of services) await complain(cli, `Removing service ${name}`);
  });
}

/** Those of which nothing runs, or is to run. */
async function idleServices(
  control: ControlClient,
  project: string,
  services: readonly ProjectService[],
): Promise<ProjectService[]> {
  const { tasks } = await ask(control, control.taskList, { stack: project, services: [], nodes: [] });
  return services.filter(({ service }) => {
    if (service.startsAgain) return false;
    const own = currentTasks(tasks.filter(({ serviceId }) => serviceId === service.id));
    const isOver = own.every((task) => hasEnded(task) && task.desiredState > TaskState.RUNNING);
    return isOver && (service.stopped || own.length > 0);
  });
}
