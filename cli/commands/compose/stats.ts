/** `compose stats`: what the containers of a project use, on whichever nodes they are. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { ContainerStats } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Task } from '../../../proto/generated/gantry/v1/types.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { taskName } from '../../format/rows/task-row.ts';
import { declareStats, type StatsOptions, showStats } from '../../options/stats-options.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { currentTasks, projectServices, selectServices } from '../../project/project-state.ts';

interface ComposeStatsOptions extends ProjectOptions, StatsOptions {
  readonly all?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareStats(declareProject(command.argument('[service...]', 'services (default: all)')))
    .option('-a, --all', 'also containers that do not run')
    .action((names: string[], options: ComposeStatsOptions) => stats(cli, names, options));
}

async function stats(cli: Cli, names: readonly string[], options: ComposeStatsOptions): Promise<void> {
  const project = projectName(cli, options);
  await withClient(ControlClient, cli, async (control) => {
    const services = selectServices(await projectServices(control, project), names);
    const ids = new Set(services.map(({ service }) => service.id));
    const read = async () => {
      // Each time anew: containers come and go.
      const { tasks } = await ask(control, control.taskList, { stack: project, services: [], nodes: [] });
      const current = currentTasks(tasks.filter(({ serviceId }) => ids.has(serviceId)));
      const { containers } = await ask(control, control.taskStats, { taskIds: current.map(({ id }) => id) });
      return inOrder(current, containers).filter(({ usage }) => options.all || usage !== undefined);
    };
    await showStats(cli, read, options);
  });
}

/** Called as `compose ps` calls them. */
function inOrder(tasks: readonly Task[], containers: readonly ContainerStats[]): ContainerStats[] {
  const byTask = new Map(containers.map((container) => [container.taskId, container]));
  return tasks.flatMap((task) => {
    const container = byTask.get(task.id);
    return container === undefined ? [] : [{ ...container, name: taskName(task) }];
  });
}
