/** `compose top`: the processes of the containers of a project, on whichever nodes they are. */
import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { alignColumns } from '../../format/table.ts';
import { declareProject, type ProjectOptions, projectName } from '../../project/project-options.ts';
import { nodeNames, placeName, projectServices, selectServices, shortName } from '../../project/project-state.ts';
import { runningTasks } from '../../project/task-of-service.ts';

export function define(command: Command, cli: Cli): void {
  declareProject(command.argument('[service...]', 'services (default: all)')).action(
    (names: string[], options: ProjectOptions) => top(cli, names, options),
  );
}

async function top(cli: Cli, names: readonly string[], options: ProjectOptions): Promise<void> {
  const project = projectName(cli, options);
  await withClient(ControlClient, cli, async (control) => {
    const services = selectServices(await projectServices(control, project), names);
    const running = await runningTasks(control, services);
    if (running.length === 0) return;
    const { tasks } = await ask(control, control.taskTop, { taskIds: running.map(({ id }) => id) });
    const nodes = await nodeNames(control);
    const byTask = new Map(tasks.map(({ taskId, processes }) => [taskId, processes]));
    const titles = tasks[0]?.processes?.titles ?? [];
    const rows = running.flatMap((task) => {
      const service = shortName(task.serviceName, project);
      const place = placeName(task, project, nodes).slice(service.length + 1);
      return (byTask.get(task.id)?.processes ?? []).map(({ values }) => [service, place, ...values]);
    });
    await print(cli, `${alignColumns([['SERVICE', '#', ...titles], ...rows].map((row) => row.join('\t')))}\n`);
  });
}
