import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { renderListing } from '../../format/listing.ts';
import { STACK_LISTING, stackRows } from '../../format/rows/service-row.ts';

interface StackListOptions {
  readonly format?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--format <template>', "'table', 'table TEMPLATE', 'json' or a Go template")
    .action(async ({ format }: StackListOptions) => {
      const { services } = await withClient(ControlClient, cli, (control) =>
        ask(control, control.serviceList, { stack: '', references: [] }),
      );
      await print(cli, renderListing(STACK_LISTING, stackRows(services), { format, quiet: false }));
    });
}
