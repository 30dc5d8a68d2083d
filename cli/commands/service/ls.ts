import type { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { declareFilter, declareListOptions, type ListOptions } from '../../options/listing-options.ts';
import { listServices } from './list-services.ts';

export function define(command: Command, cli: Cli): void {
  declareFilter(declareListOptions(command, 'service ids')).action((options: ListOptions) =>
    listServices(cli, '', options),
  );
}
