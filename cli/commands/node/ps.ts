import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { listTasks, type TaskListOptions } from '../../listing/list-tasks.ts';
import { declareTaskListOptions } from '../../options/task-list-options.ts';
import { ownNodeId } from './own-node.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('[node...]', "ids or host names, or 'self', which is what it is without one");
  declareTaskListOptions(command).action(async (names: string[], options: TaskListOptions) => {
    const nodes: string[] = [];
    for (const name of names.length === 0 ? ['self'] : names) nodes.push(name === 'self' ? await ownNodeId(cli) : name);
    await listTasks(cli, { stack: '', services: [], nodes }, options);
  });
}
