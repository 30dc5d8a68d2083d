import type { Command } from 'commander';
import { EngineClient } from '../../../proto/generated/gantry/v1/engine.ts';
import { type Cli, print } from '../../cli.ts';
import { collect } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { humanSize } from '../../format/size.ts';
import { withPointOfTime } from '../../options/listing-options.ts';
import { confirm } from '../../terminal/confirm.ts';

interface PruneOptions {
  readonly all?: boolean;
  readonly force?: boolean;
  readonly filter: readonly string[];
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-a, --all', 'all images without a container, not only those without a name')
    .option(
      '--filter <name=value>',
      'only what matches: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE], dangling=false (as --all)',
      collect,
      [],
    )
    .option('-f, --force', "don't ask")
    .action(async ({ force, ...options }: PruneOptions) => {
      const { all, filter } = withoutDangling(options);
      const what = all ? 'all images without at least one container associated to them' : 'all dangling images';
      if (force !== true && !(await confirm(cli, `WARNING! This will remove ${what}.`))) return;
      const request = { all, filters: withPointOfTime(filter, cli.nowMs()), keepBytes: 0 };
      const { untagged, deleted, reclaimedBytes } = await withClient(EngineClient, cli, (engine) =>
        ask(engine, engine.imagePrune, request),
      );
      const lines = [...untagged.map((name) => `untagged: ${name}`), ...deleted.map((id) => `deleted: ${id}`)];
      if (lines.length > 0) await print(cli, `Deleted Images:\n${lines.join('\n')}\n\n`);
      await print(cli, `Total reclaimed space: ${humanSize(reclaimedBytes)}\n`);
    });
}

/** Docker's other way to say --all. */
function withoutDangling({ all = false, filter }: Pick<PruneOptions, 'all' | 'filter'>): {
  readonly all: boolean;
  readonly filter: readonly string[];
} {
  const others = filter.filter((text) => !/^dangling=(?:true|false|1|0)$/.test(text));
  return { all: all || filter.includes('dangling=false') || filter.includes('dangling=0'), filter: others };
}
