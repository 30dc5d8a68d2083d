/** Waits until nodes have taken the containers of removed tasks away: their images and names are free then. */
import type { ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import type { Task } from '../../proto/generated/gantry/v1/types.ts';
import { type Cli, complain } from '../cli.ts';
import { ask } from '../connection.ts';

/** To be asked for before they are removed. */
export async function tasksOfStack(control: ControlClient, stack: string): Promise<readonly Task[]> {
  const { tasks } = await ask(control, control.taskList, { stack, services: [], nodes: [] });
  return tasks;
}

/** What nodes still have in the end is warned of. */
export async function waitUntilContainersGone(cli: Cli, control: ControlClient, tasks: readonly Task[]): Promise<void> {
  const placed = tasks.filter(({ nodeId }) => nodeId !== '');
  if (placed.length === 0) return;
  const { left, unanswered } = await ask(control, control.taskContainersGone, {
    taskIds: placed.map(({ id }) => id),
    nodeIds: [...new Set(placed.map(({ nodeId }) => nodeId))],
  });
  for (const container of left) await complain(cli, `gantry: warning: container ${container} is still being removed`);
  for (const node of unanswered) {
    await complain(cli, `gantry: warning: node ${node} does not answer: it removes its containers once it does`);
  }
}
