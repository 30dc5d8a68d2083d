/** Does something to those containers of a project that are in one state, on whichever nodes they are. */
import { ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import type { ContainerStatus } from '../../proto/generated/gantry/v1/engine.ts';
import { type Cli, complain } from '../cli.ts';
import { ask, withClient } from '../connection.ts';
import { CliError } from '../failure.ts';
import { taskName } from '../format/rows/task-row.ts';
import { type ProjectOptions, projectName } from './project-options.ts';
import { projectServices, selectServices } from './project-state.ts';
import { runningTasks } from './task-of-service.ts';

export interface Meant {
  /** Of services; none: all. */
  readonly names: readonly string[];
  /** Of the containers; others are as they are to be, or can't be. */
  readonly status: ContainerStatus;
  /** What is said of each: "Paused". */
  readonly done: string;
}

export async function withContainersIn(
  cli: Cli,
  options: ProjectOptions,
  { names, status, done }: Meant,
  act: (control: ControlClient, taskIds: string[]) => Promise<unknown>,
): Promise<void> {
  const project = projectName(cli, options);
  await withClient(ControlClient, cli, async (control) => {
    const services = selectServices(await projectServices(control, project), names);
    const running = await runningTasks(control, services);
    if (running.length === 0) throw new CliError(`nothing of project "${project}" runs`);
    const { containers } = await ask(control, control.taskInspect, { taskIds: running.map(({ id }) => id) });
    const inState = new Set(containers.flatMap(({ taskId, state }) => (state?.status === status ? [taskId] : [])));
    const tasks = running.filter(({ id }) => inState.has(id));
    if (tasks.length === 0) return;
    await act(
      control,
      tasks.map(({ id }) => id),
    );
    for (const task of tasks) await complain(cli, `${done} ${taskName(task)}`);
  });
}
