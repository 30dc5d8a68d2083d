/** The container that a verb is about: of a service, the first or the one that is asked for. */
import type { ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import type { Task } from '../../proto/generated/gantry/v1/types.ts';
import { ask } from '../connection.ts';
import { CliError } from '../failure.ts';
import { currentTasks, isRunning, type ProjectService, projectServices, selectServices } from './project-state.ts';

/** `index`: the slot of a replicated service; of a global one, which of its tasks by their nodes. */
export async function runningTaskOf(
  control: ControlClient,
  project: string,
  name: string,
  index: number | undefined,
): Promise<Task> {
  const services = selectServices(await projectServices(control, project), [name]);
  const running = await runningTasks(control, services);
  if (running.length === 0) {
    throw new CliError(`service "${name}" is not running`, { hint: `start it with 'gantry compose up -d ${name}'` });
  }
  const task =
    index === undefined ? running[0] : (running.find(({ slot }) => slot === index) ?? globalTask(running, index));
  if (task !== undefined) return task;
  throw new CliError(`service "${name}" has no running container ${index}`, {
    hint: `it has ${running.map(({ slot }, position) => slot || position + 1).join(', ')}`,
  });
}

/** Those that run of these services, in their order; of no service none. */
export async function runningTasks(control: ControlClient, services: readonly ProjectService[]): Promise<Task[]> {
  if (services.length === 0) return [];
  const references = services.map(({ service }) => service.id);
  const { tasks } = await ask(control, control.taskList, { stack: '', services: references, nodes: [] });
  return currentTasks(tasks).filter(isRunning);
}

function globalTask(running: readonly Task[], index: number): Task | undefined {
  return running[0]?.slot === 0 ? running[index - 1] : undefined;
}
