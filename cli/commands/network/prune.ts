import type { Command } from 'commander';
import { type Cli, print, printLine } from '../../cli.ts';
import { collect } from '../../command-line.ts';
import { isGantryError } from '../../failure.ts';
import { type KnownNetwork, knownNetworks, removeNetwork } from '../../network/networks.ts';
import { type Filter, matchesLabel, parseFilters } from '../../options/listing-options.ts';
import { parseTime } from '../../options/log-options.ts';
import { confirm } from '../../terminal/confirm.ts';

const QUESTION = 'WARNING! This will remove all custom networks not used by at least one container.';

interface PruneOptions {
  readonly force?: boolean;
  readonly filter: readonly string[];
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--filter <name=value>', 'only what matches', collect, [])
    .option('-f, --force', "don't ask")
    .action(async ({ force, filter }: PruneOptions) => {
      const filters = parseFilters(filter, ['label', 'label!', 'until']);
      if (force !== true && !(await confirm(cli, QUESTION))) return;
      // What others are made of is nobody's to be used by containers.
      const custom = (await knownNetworks(cli)).filter(({ id, configOnly }) => id !== 'bridge' && !configOnly);
      const removed: string[] = [];
      for (const network of custom.filter((one) => filters.every((by) => matches(one, by, Date.now())))) {
        if (await isRemoved(cli, network)) removed.push(network.name);
      }
      if (removed.length === 0) return;
      await printLine(cli, 'Deleted Networks:');
      await print(cli, `${removed.join('\n')}\n\n`);
    });
}

/** False for one that somebody uses. */
async function isRemoved(cli: Cli, network: KnownNetwork): Promise<boolean> {
  try {
    await removeNetwork(cli, network.id);
    return true;
  } catch (error) {
    // On a worker the cluster's networks are somebody else's.
    if (isGantryError(error) && ['IN_USE', 'NOT_FOUND', 'NOT_A_MANAGER'].includes(error.code)) return false;
    throw error;
  }
}

function matches(network: KnownNetwork, { key, value }: Filter, nowMs: number): boolean {
  if (key === 'label') return matchesLabel(network.labels, value);
  if (key === 'label!') return !matchesLabel(network.labels, value);
  return network.createdAtMs < parseTime('--filter', value, nowMs);
}
