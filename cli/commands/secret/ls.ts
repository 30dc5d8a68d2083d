import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { renderListing } from '../../format/listing.ts';
import { matchesResource, RESOURCE_FILTERS, SECRET_LISTING, secretRow } from '../../format/rows/resource-rows.ts';
import {
  declareFilter,
  declareListOptions,
  type ListOptions,
  matchesFilters,
  parseFilters,
} from '../../options/listing-options.ts';

export function define(command: Command, cli: Cli): void {
  declareFilter(declareListOptions(command, 'secret ids')).action(async (options: ListOptions) => {
    const filters = parseFilters(options.filter, RESOURCE_FILTERS);
    const { secrets } = await withClient(ControlClient, cli, (control) => ask(control, control.secretList, {}));
    const rows = secrets
      .filter((secret) => !secret.pendingDelete && matchesFilters(filters, (filter) => matchesResource(secret, filter)))
      .map((secret) => secretRow(secret, cli.nowMs()))
      .sort((a, b) => String(a.Name).localeCompare(String(b.Name)));
    await print(cli, renderListing(SECRET_LISTING, rows, { format: options.format, quiet: options.quiet ?? false }));
  });
}
