/** The list of tasks: of a stack, of services, or of nodes. */
import { ControlClient } from '../../proto/generated/gantry/v1/control.ts';
import { type Task, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import { type Cli, print } from '../cli.ts';
import { ask, withClient } from '../connection.ts';
import { renderListing } from '../format/listing.ts';
import { TASK_LISTING, taskName, taskRows, taskStateName } from '../format/rows/task-row.ts';
import { type Filter, type ListOptions, matchesFilters, parseFilters } from '../options/listing-options.ts';

export interface TaskListOptions extends ListOptions {
  /** False for --no-resolve: ids instead of names. */
  readonly resolve: boolean;
}

export interface TaskSelection {
  readonly stack: string;
  /** Empty: all. */
  readonly services: readonly string[];
  /** Empty: all. */
  readonly nodes: readonly string[];
}

/** Gives back how many tasks there are before the filters. */
export async function listTasks(cli: Cli, selection: TaskSelection, options: TaskListOptions): Promise<number> {
  const filters = parseFilters(options.filter, ['id', 'name', 'node', 'desired-state']);
  const request = { stack: selection.stack, services: [...selection.services], nodes: [...selection.nodes] };
  const { tasks, nodes } = await withClient(ControlClient, cli, async (control) => {
    const listed = await ask(control, control.taskList, request);
    const known = options.resolve ? await ask(control, control.nodeList, {}) : { nodes: [] };
    return { tasks: listed.tasks, nodes: known.nodes };
  });
  const nodeNames = new Map(nodes.map((node) => [node.id, node.description?.hostname ?? node.id]));
  const shown = tasks.filter((task) => matchesFilters(filters, (filter) => matches(task, filter, nodeNames)));
  const rows = taskRows(shown, { truncate: options.trunc, nowMs: cli.nowMs(), nodeNames });
  await print(cli, renderListing(TASK_LISTING, rows, { format: options.format, quiet: options.quiet ?? false }));
  return tasks.length;
}

function matches(task: Task, { key, value }: Filter, nodeNames: ReadonlyMap<string, string>): boolean {
  if (key === 'id') return task.id.startsWith(value);
  if (key === 'name') return taskName(task).startsWith(value);
  if (key === 'node') return task.nodeId.startsWith(value) || nodeNames.get(task.nodeId) === value;
  // "running" is also what is on its way to running.
  const desired = task.desiredState === TaskState.READY ? TaskState.RUNNING : task.desiredState;
  return taskStateName(desired).toLowerCase() === value;
}
