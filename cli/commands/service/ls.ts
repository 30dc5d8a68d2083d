import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { listServices } from '../../listing/list-services.ts';
import { declareFilter, declareListOptions, type ListOptions } from '../../options/listing-options.ts';

export function define(command: Command, cli: Cli): void {
  declareFilter(declareListOptions(command, 'service ids')).action((options: ListOptions) =>
    listServices(cli, '', options),
  );
}
