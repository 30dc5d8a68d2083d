import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { renderListing } from '../../format/listing.ts';
import { CLIENT_LISTING, clientRow } from '../../format/rows/client-row.ts';
import { declareListOptions, type ListOptions } from '../../options/listing-options.ts';

export function define(command: Command, cli: Cli): void {
  declareListOptions(command, 'names').action(async ({ format, quiet = false }: ListOptions) => {
    const { clients } = await withClient(ControlClient, cli, (control) => ask(control, control.clientList, {}));
    const rows = clients
      .toSorted((a, b) => a.name.localeCompare(b.name))
      .map((client) => clientRow(client, cli.nowMs()));
    await print(cli, renderListing(CLIENT_LISTING, rows, { format, quiet }));
  });
}
