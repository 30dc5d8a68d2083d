import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { renderListing } from '../../format/listing.ts';
import { VOLUME_LISTING, volumeRow } from '../../format/rows/resource-rows.ts';
import { declareFilter, declareListOptions, type ListOptions } from '../../options/listing-options.ts';

export function define(command: Command, cli: Cli): void {
  declareFilter(declareListOptions(command, 'volume names')).action(async (options: ListOptions) => {
    const filters = [...options.filter];
    const { volumes } = await withClient(EngineClient, cli, (engine) => ask(engine, engine.volumeList, { filters }));
    const rows = volumes.sort((a, b) => a.name.localeCompare(b.name)).map(volumeRow);
    await print(cli, renderListing(VOLUME_LISTING, rows, { format: options.format, quiet: options.quiet ?? false }));
  });
}
