import type { Command } from 'commander';
import { type DiskUsageResponse, EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Fields } from '../../../proto/template/values.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError, EXIT } from '../../failure.ts';
import { type Listing, renderListing } from '../../format/listing.ts';
import {
  CACHE_USAGE_LISTING,
  CONTAINER_USAGE_LISTING,
  cacheUsageRow,
  containerUsageRow,
  IMAGE_USAGE_LISTING,
  imageUsageRows,
  USAGE_LISTING,
  usageRows,
  VOLUME_USAGE_LISTING,
  volumeUsageRow,
} from '../../format/rows/disk-usage-rows.ts';

interface DiskUsageOptions {
  readonly verbose?: boolean;
  readonly format?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-v, --verbose', 'each image, container, volume and step of a build')
    .option('--format <template>', "'table', 'table TEMPLATE', 'json' or a Go template")
    .action(async ({ verbose, format }: DiskUsageOptions) => {
      if (verbose && format !== undefined) {
        throw new CliError('--format is for the summary', { hint: 'leave out -v', exitCode: EXIT.refused });
      }
      const usage = await withClient(EngineClient, cli, (engine) => ask(engine, engine.diskUsage, {}));
      if (verbose) await print(cli, details(usage, cli.nowMs()));
      else await print(cli, renderListing(USAGE_LISTING, usageRows(usage), { format, quiet: false }));
    });
}

function details({ images, containers, volumes, buildCache }: DiskUsageResponse, nowMs: number): string {
  const options = { truncate: true, nowMs };
  const table = (listing: Listing, rows: readonly Fields[]) =>
    renderListing(listing, rows, { format: undefined, quiet: false });
  const imageRows = images.flatMap((image) => imageUsageRows(image, options));
  const containerRows = containers.map((container) => containerUsageRow(container, options));
  const cacheRows = buildCache.map((entry) => cacheUsageRow(entry, options));
  return [
    `Images space usage:\n\n${table(IMAGE_USAGE_LISTING, imageRows)}`,
    `Containers space usage:\n\n${table(CONTAINER_USAGE_LISTING, containerRows)}`,
    `Local Volumes space usage:\n\n${table(VOLUME_USAGE_LISTING, volumes.map(volumeUsageRow))}`,
    `Build cache usage:\n\n${table(CACHE_USAGE_LISTING, cacheRows)}`,
  ].join('\n');
}
