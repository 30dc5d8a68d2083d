import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { listTasks, type TaskListOptions } from '../../listing/list-tasks.ts';
import { declareTaskListOptions } from '../../options/task-list-options.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<service...>', 'names or ids');
  declareTaskListOptions(command).action(async (services: string[], options: TaskListOptions) => {
    await listTasks(cli, { stack: '', services, nodes: [] }, options);
  });
}
