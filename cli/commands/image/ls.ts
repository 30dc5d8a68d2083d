import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, print } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { renderListing } from '../../format/listing.ts';
import { imageListing, imageRows } from '../../format/rows/image-row.ts';
import { declareFilter, declareListOptions, type ListOptions, withPointOfTime } from '../../options/listing-options.ts';

interface ImageListOptions extends ListOptions {
  /** There are no intermediate images here, so that all are always shown. */
  readonly all?: boolean;
  readonly digests?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareListOptions(command, 'image ids')
    .argument('[repository]', 'only images of this name: NAME or NAME:TAG')
    .option('-a, --all', 'all images, which is what is shown anyway')
    .option('--digests', 'show digests')
    .option('--no-trunc', "don't cut anything off")
    .action(async (repository: string | undefined, options: ImageListOptions) => {
      const wanted = withPointOfTime(options.filter, cli.nowMs());
      const filters = [...wanted, ...(repository === undefined ? [] : [`reference=${repository}`])];
      const { images } = await withClient(EngineClient, cli, (engine) => ask(engine, engine.imageList, { filters }));
      const rowOptions = { truncate: options.trunc, nowMs: cli.nowMs() };
      const quiet = options.quiet ?? false;
      const rows = images
        .sort((a, b) => b.createdAtMs - a.createdAtMs)
        .flatMap((image) => imageRows(image, rowOptions));
      const shown = quiet && options.format === undefined ? uniqueIds(rows) : rows;
      await print(cli, renderListing(imageListing(options.digests ?? false), shown, { format: options.format, quiet }));
    });
  declareFilter(command);
  refuse(command, '--tree', 'the list shows all images');
}

/** An image with two names has two rows but one id. */
function uniqueIds<Row extends { readonly [name: string]: unknown }>(rows: readonly Row[]): Row[] {
  return [...new Map(rows.map((row) => [row.ID, row])).values()];
}
