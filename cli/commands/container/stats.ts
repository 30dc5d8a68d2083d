import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { declareStats, type StatsOptions, showStats } from '../../options/stats-options.ts';

interface ContainerStatsOptions extends StatsOptions {
  readonly all?: boolean;
}

export function define(command: Command, cli: Cli): void {
  declareStats(command.argument('[container...]', 'names or ids (default: all that run)'))
    .option('-a, --all', 'also those that do not run')
    .action(async (references: string[], options: ContainerStatsOptions) => {
      await withClient(EngineClient, cli, async (engine) => {
        const ids: string[] = [];
        for (const reference of references) {
          const { container } = await ask(engine, engine.containerInspect, { reference });
          if (container !== undefined) ids.push(container.id);
        }
        const request = { references: ids, all: options.all ?? false };
        await showStats(cli, async () => (await ask(engine, engine.containerStats, request)).containers, options);
      });
    });
}
