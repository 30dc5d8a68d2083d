import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, print } from '../../cli.ts';
import { invalidFlag, refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { renderListing } from '../../format/listing.ts';
import { CONTAINER_LISTING, containerRow } from '../../format/rows/container-row.ts';
import { declareFilter, declareListOptions, type ListOptions } from '../../options/listing-options.ts';

interface ContainerListOptions extends ListOptions {
  readonly all?: boolean;
  readonly last: number;
  readonly latest?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareListOptions(command, 'container ids')
    .option('-a, --all', 'also those that do not run')
    .option('-n, --last <count>', 'the last created, in all states', lastCount, -1)
    .option('-l, --latest', 'the last created one, in all states')
    .option('--no-trunc', "don't cut anything off")
    .action(async (options: ContainerListOptions) => {
      const last = options.latest ? 1 : options.last;
      const request = { all: (options.all ?? false) || last > 0, filters: [...options.filter] };
      const { containers } = await withClient(EngineClient, cli, (engine) =>
        ask(engine, engine.containerList, request),
      );
      const newestFirst = containers.sort((a, b) => b.createdAtMs - a.createdAtMs);
      const shown = last > 0 ? newestFirst.slice(0, last) : newestFirst;
      const rowOptions = { truncate: options.trunc, nowMs: cli.nowMs() };
      const rows = shown.map((container) => containerRow(container, rowOptions));
      await print(
        cli,
        renderListing(CONTAINER_LISTING, rows, { format: options.format, quiet: options.quiet ?? false }),
      );
    });
  declareFilter(command);
  refuse(command, '-s, --size', 'look at the data root with du');
}

function lastCount(text: string): number {
  if (!/^-?\d+$/.test(text)) throw invalidFlag('--last', text, 'write a number');
  return Number(text);
}
