import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, print } from '../../cli.ts';
import { alias, collect, invalidFlag } from '../../command-line.ts';
import { parseBytes } from '../../compose/syntax/quantities.ts';
import { ask, withClient } from '../../connection.ts';
import { humanSize } from '../../format/size.ts';
import { withPointOfTime } from '../../options/listing-options.ts';
import { confirm } from '../../terminal/confirm.ts';

interface PruneOptions {
  readonly all?: boolean;
  readonly force?: boolean;
  readonly filter: readonly string[];
  readonly keepStorage: number;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-a, --all', 'all of it, not only what no image has')
    .option('--filter <name=value>', 'only what matches: until=TIME, since when it was not used', collect, [])
    .option('--keep-storage <bytes>', 'leave as much as this, of what was used last', storage, 0)
    .option('-f, --force', "don't ask")
    .action(async ({ all = false, force, filter, keepStorage: keepBytes }: PruneOptions) => {
      const what = all ? 'all build cache' : 'all dangling build cache';
      if (force !== true && !(await confirm(cli, `WARNING! This will remove ${what}.`))) return;
      const request = { all, filters: withPointOfTime(filter, cli.nowMs()), keepBytes };
      const { deleted, reclaimedBytes } = await withClient(EngineClient, cli, (engine) =>
        ask(engine, engine.buildCachePrune, request),
      );
      if (deleted.length > 0) await print(cli, `Deleted build cache objects:\n${deleted.join('\n')}\n\n`);
      await print(cli, `Total reclaimed space: ${humanSize(reclaimedBytes)}\n`);
    });
  alias(command, '--reserved-space <bytes>', 'keep-storage');
}

function storage(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined) throw invalidFlag('--keep-storage', text, 'write bytes, or a size such as 10gb');
  return bytes;
}
