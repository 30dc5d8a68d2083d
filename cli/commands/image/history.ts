import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, print } from '../../cli.ts';
import { declareSwitch } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { renderListing } from '../../format/listing.ts';
import { historyListing, historyRow } from '../../format/rows/history-row.ts';
import { declareListOptions } from '../../options/listing-options.ts';

interface HistoryOptions {
  readonly quiet?: boolean;
  readonly format?: string;
  readonly trunc: boolean;
  readonly human: boolean;
  readonly platform: string;
}

export function define(command: Command, cli: Cli): void {
  declareListOptions(command, 'image ids')
    .argument('<image>', 'name or id')
    .option('--no-trunc', "don't cut anything off")
    .option('--platform <platform>', "OS/ARCH of an image for several (default: the host's)", '')
    .action(async (reference: string, { quiet, format, trunc, human, platform }: HistoryOptions) => {
      const { entries } = await withClient(EngineClient, cli, (engine) =>
        ask(engine, engine.imageHistory, { reference, platform }),
      );
      const rows = entries.map((entry) => historyRow(entry, { truncate: trunc, human, nowMs: cli.nowMs() }));
      await print(cli, renderListing(historyListing(human), rows, { format, quiet: quiet ?? false }));
    });
  declareSwitch(command, '-H, --human', 'sizes and times for readers, which is what is shown anyway');
  command.setOptionValue('human', true);
}
