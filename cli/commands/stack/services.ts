import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { listServices } from '../../listing/list-services.ts';
import { declareFilter, declareListOptions, type ListOptions } from '../../options/listing-options.ts';

export function define(command: Command, cli: Cli): void {
  declareListOptions(command.argument('<stack>', 'name of the stack'), 'service ids').action(
    (stack: string, options: ListOptions) => listServices(cli, stack, options),
  );
  declareFilter(command);
}
