import type { Command } from 'commander';
import { type Cli, complain, print } from '../../cli.ts';
import { renderListing } from '../../format/listing.ts';
import { CONTEXT_LISTING, contextRow } from '../../format/rows/context-row.ts';
import { declareListOptions, type ListOptions } from '../../options/listing-options.ts';
import { contextSummaries } from './known-contexts.ts';

export function define(command: Command, cli: Cli): void {
  declareListOptions(command, 'names').action(async ({ format, quiet = false }: ListOptions) => {
    const rows = (await contextSummaries(cli)).map(contextRow);
    await print(cli, renderListing(CONTEXT_LISTING, rows, { format, quiet }));
    if (cli.env.GANTRY_HOST && format === undefined && !quiet) {
      await complain(
        cli,
        'gantry: warning: GANTRY_HOST in the environment overrides the current context; to use a context, unset it or give --context NAME',
      );
    }
  });
}
