import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { renderListing } from '../../format/listing.ts';
import { CONFIG_LISTING, matchesResource, RESOURCE_FILTERS, secretRow } from '../../format/rows/resource-rows.ts';
import {
  declareFilter,
  declareListOptions,
  type ListOptions,
  matchesFilters,
  parseFilters,
} from '../../options/listing-options.ts';

export function define(command: Command, cli: Cli): void {
  declareFilter(declareListOptions(command, 'config ids')).action(async (options: ListOptions) => {
    const filters = parseFilters(options.filter, RESOURCE_FILTERS);
    const { configs } = await withClient(ControlClient, cli, (control) => ask(control, control.configList, {}));
    const rows = configs
      .filter((config) => !config.pendingDelete && matchesFilters(filters, (filter) => matchesResource(config, filter)))
      .map((config) => secretRow(config, cli.nowMs()))
      .sort((a, b) => String(a.Name).localeCompare(String(b.Name)));
    await print(cli, renderListing(CONFIG_LISTING, rows, { format: options.format, quiet: options.quiet ?? false }));
  });
}
