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
  const task = index === undefined ? running[0] : taskAt(running, index);
  if (task !== undefined) return task;
  throw new CliError(`service "${name}" has no running container ${index}`, {
    hint: `it has ${running.map(({ slot }, position) => slot || position + 1).join(', ')}`,
  });
}

/**
 * Those of a service that have a container, which may have ended, in their order; with an index as above that one alone. At
 * least one.
 */
export async function tasksWithContainers(
  control: ControlClient,
  project: string,
  name: string,
  index: number | undefined,
): Promise<Task[]> {
  const [service] = selectServices(await projectServices(control, project), [name]);
  const references = service === undefined ? [] : [service.service.id];
  const { tasks } = await ask(control, control.taskList, { stack: '', services: references, nodes: [] });
  const made = currentTasks(tasks).filter(({ status }) => (status?.containerId ?? '') !== '');
  const chosen = index === undefined ? made : [taskAt(made, index) ?? []].flat();
  if (chosen.length > 0) return chosen;
  throw new CliError(`no container found for service "${name}"${index === undefined ? '' : ` with index ${index}`}`, {
    hint: "'gantry compose ps -a' lists those that there are",
  });
}

/** Those that run of these services, in their order; of no service none. */
export async function runningTasks(control: ControlClient, services: readonly ProjectService[]): Promise<Task[]> {
  return (await currentTasksOf(control, services)).filter(isRunning);
}

/** As above, running or not. */
export async function currentTasksOf(control: ControlClient, services: readonly ProjectService[]): Promise<Task[]> {
  if (services.length === 0) return [];
  const references = services.map(({ service }) => service.id);
  const { tasks } = await ask(control, control.taskList, { stack: '', services: references, nodes: [] });
  return currentTasks(tasks);
}

/** Of a global service its place among the tasks, or else the slot. */
export function taskAt(tasks: readonly Task[], index: number): Task | undefined {
  const [first] = tasks;
  return first?.slot === 0 ? tasks[index - 1] : tasks.find(({ slot }) => slot === index);
}
