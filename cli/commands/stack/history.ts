import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { renderListing } from '../../format/listing.ts';
import { STACK_VERSION_LISTING, stackVersionRows } from '../../format/rows/stack-version-row.ts';

interface HistoryOptions {
  readonly format?: string;
  readonly quiet?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .argument('<stack>', 'name of the stack')
    .option('--format <template>', "'table', 'table TEMPLATE', 'json' or a Go template")
    .option('-q, --quiet', 'only version numbers')
    .action(async (name: string, { format, quiet = false }: HistoryOptions) => {
      const { versions } = await withClient(ControlClient, cli, (control) =>
        ask(control, control.stackHistory, { name }),
      );
      await print(cli, renderListing(STACK_VERSION_LISTING, stackVersionRows(versions, Date.now()), { format, quiet }));
    });
}
