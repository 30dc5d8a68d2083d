import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, print } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { alignColumns } from '../../format/table.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<container>', 'name or id')
    .argument('[ps-options...]', 'options of ps (default: -ef)')
    .passThroughOptions()
    .action(async (reference: string, psArguments: string[]) => {
      const { titles, processes } = await withClient(EngineClient, cli, (engine) =>
        ask(engine, engine.containerTop, { reference, psArguments }),
      );
      const rows = [titles, ...processes.map(({ values }) => values)];
      await print(cli, `${alignColumns(rows.map((row) => row.join('\t')))}\n`);
    });
}
