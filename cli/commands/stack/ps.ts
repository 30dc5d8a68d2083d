import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { noSuchStack } from '../../listing/list-services.ts';
import { listTasks, type TaskListOptions } from '../../listing/list-tasks.ts';
import { declareTaskListOptions } from '../../options/task-list-options.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<stack>', 'name of the stack');
  declareTaskListOptions(command).action(async (stack: string, options: TaskListOptions) => {
    const count = await listTasks(cli, { stack, services: [], nodes: [] }, options);
    if (count === 0) throw noSuchStack(stack);
  });
}
