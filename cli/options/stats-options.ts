/** `stats`: what containers use, again and again or once. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { ContainerStats } from '../../proto/generated/gantry/v1/engine.ts';
import { type Cli, print } from '../cli.ts';
import { renderListing } from '../format/listing.ts';
import { STATS_LISTING, statsRow } from '../format/rows/stats-row.ts';

export interface StatsOptions {
  readonly format?: string;
  /** False for --no-stream. */
  readonly stream: boolean;
  /** False for --no-trunc. */
  readonly trunc: boolean;
}

export function declareStats(command: Command): Command {
  return command
    .option('--format <template>', "'table', 'table TEMPLATE', 'json' or a Go template")
    .option('--no-stream', 'print what is so now, and end')
    .option('--no-trunc', "don't cut anything off");
}

/** Between two readings: how busy a container was is told by what it used meanwhile. */
const INTERVAL_MS = 1000;
const CLEAR_SCREEN = '\x1b[2J\x1b[H';

/** Until the user interrupts it. */
export async function showStats(
  cli: Cli,
  read: () => Promise<readonly ContainerStats[]>,
  { format, stream, trunc }: StatsOptions,
): Promise<void> {
  const clear = stream && cli.stdout.isTTY ? CLEAR_SCREEN : '';
  let before = await read();
  do {
    await delay(INTERVAL_MS);
    const now = await read();
    const known = new Map(before.map(({ id, usage }) => [id, usage]));
    const rows = now.map((one) => statsRow(one, known.get(one.id), trunc));
    await print(cli, `${clear}${renderListing(STATS_LISTING, rows, { format, quiet: false })}`);
    before = now;
  } while (stream);
}
