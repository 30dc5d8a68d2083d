import type { Command } from 'commander';
import { type Cli, print } from '../../cli.ts';
import { renderListing } from '../../format/listing.ts';
import {
  localNetworkSummary,
  NETWORK_LISTING,
  type NetworkSummary,
  networkRow,
} from '../../format/rows/resource-rows.ts';
import { knownNetworks } from '../../network/networks.ts';
import {
  declareFilter,
  declareListOptions,
  type Filter,
  type ListOptions,
  matchesFilters,
  matchesLabel,
  parseFilters,
} from '../../options/listing-options.ts';

export function define(command: Command, cli: Cli): void {
  declareListOptions(command, 'network ids')
    .option('--no-trunc', "don't cut anything off")
    .action(async (options: ListOptions) => {
      const filters = parseFilters(options.filter, ['id', 'name', 'driver', 'scope', 'label', 'type']);
      const rows = (await knownNetworks(cli))
        .map(localNetworkSummary)
        .filter((network) => matchesFilters(filters, (filter) => matches(network, filter)))
        .sort((a, b) => a.name.localeCompare(b.name))
        .map((network) => networkRow(network, options.trunc));
      await print(cli, renderListing(NETWORK_LISTING, rows, { format: options.format, quiet: options.quiet ?? false }));
    });
  declareFilter(command);
}

function matches(network: NetworkSummary, { key, value }: Filter): boolean {
  if (key === 'id') return network.id.startsWith(value);
  if (key === 'name') return network.name.includes(value);
  if (key === 'label') return matchesLabel(network.labels, value);
  if (key === 'type') return (network.id === 'bridge' ? 'builtin' : 'custom') === value;
  return (key === 'driver' ? network.driver : network.scope) === value;
}
