import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { renderListing } from '../../format/listing.ts';
import { NODE_LISTING, nodeRow } from '../../format/rows/node-row.ts';
import {
  declareFilter,
  declareListOptions,
  type ListOptions,
  matchesFilters,
  parseFilters,
} from '../../options/listing-options.ts';
import { ownNodeId } from './own-node.ts';

export function define(command: Command, cli: Cli): void {
  declareFilter(declareListOptions(command, 'node ids')).action(async (options: ListOptions) => {
    const filters = parseFilters(options.filter, ['id', 'name']);
    // Asked at once: a connection takes longer than an answer.
    const [{ nodes, managers, desiredRoot }, selfId] = await withClient(ControlClient, cli, (control) =>
      Promise.all([ask(control, control.nodeList, {}), ownNodeId(cli)]),
    );
    const rows = nodes
      .filter((node) =>
        matchesFilters(filters, ({ key, value }) =>
          (key === 'id' ? node.id : (node.description?.hostname ?? '')).startsWith(value),
        ),
      )
      .sort((a, b) => (a.description?.hostname ?? '').localeCompare(b.description?.hostname ?? ''))
      .map((node) => nodeRow(node, { managers, selfId, desiredRoot }));
    await print(cli, renderListing(NODE_LISTING, rows, { format: options.format, quiet: options.quiet ?? false }));
  });
}
