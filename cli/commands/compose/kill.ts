/** `compose kill`: sends a signal to the containers of services. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, complain } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { taskName } from '../../format/rows/task-row.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { currentTasks, isRunning, projectServices, selectServices } from '../../project/project-state.ts';

interface KillOptions extends ProjectOptions {
  readonly signal: string;
}

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all)'))
    .option('-s, --signal <signal>', 'name or number', 'KILL')
    .option('--remove-orphans', "as docker has it; 'up' and 'down' remove them")
    .action((names: string[], options: KillOptions) => kill(cli, names, options));
}

/** With KILL the services are stopped first: what is killed is not to come back. */
async function kill(cli: Cli, names: readonly string[], options: KillOptions): Promise<void> {
  const project = projectName(cli, options);
  await withClient(ControlClient, cli, async (control) => {
    const services = selectServices(await projectServices(control, project), names);
    const references = services.map(({ service }) => service.id);
    const { tasks } = await ask(control, control.taskList, { stack: project, services: references, nodes: [] });
    const running = currentTasks(tasks).filter(isRunning);
    const taskIds = running.map(({ id }) => id);
    if (taskIds.length === 0) throw new CliError(`no container to kill of project "${project}"`);
    if (/^(SIG)?KILL$|^9$/i.test(options.signal)) await ask(control, control.serviceStop, { references, timeoutMs: 0 });
    await ask(control, control.taskKill, { taskIds, signal: options.signal });
    for (const task of running) await complain(cli, `Killed ${taskName(task)}`);
  });
}
