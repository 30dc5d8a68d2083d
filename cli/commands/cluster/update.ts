import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import type { PlacementStrategy } from '../../../proto/generated/gantry/v1/types.ts';
import { type Cli, print, printLine } from '../../cli.ts';
import { invalidFlag, refuse, wholeNumber } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { CliError } from '../../failure.ts';
import { duration } from '../../options/limits.ts';
import { CLUSTER_STRATEGIES } from '../../options/strategies.ts';
import { oneOf } from '../../options/words.ts';
import { unlockInstructions } from './unlock-instructions.ts';

interface UpdateOptions {
  readonly autolock?: boolean;
  readonly strategy?: PlacementStrategy;
  readonly taskHistoryLimit?: number;
  readonly certExpiry?: number;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--autolock [on]', 'managers that are restarted want the unlock key: true or false', onOrOff)
    .option('--task-history-limit <count>', 'ended tasks that are kept per slot', wholeNumber('--task-history-limit'))
    .option(
      '--cert-expiry <duration>',
      "how long nodes' certificates are valid (default 2160h)",
      duration('--cert-expiry'),
    )
    .option(
      '--strategy <word>',
      'of services that have none of their own: spread or binpack; what runs stays where it is',
      oneOf('--strategy', CLUSTER_STRATEGIES),
    )
    .action(async ({ certExpiry: nodeCertExpiryMs, ...options }: UpdateOptions) => {
      const { autolock, strategy, taskHistoryLimit } = options;
      const changes = { autolock, strategy, taskHistoryLimit, nodeCertExpiryMs };
      if (Object.values(changes).every((value) => value === undefined)) {
        throw new CliError('there is nothing to update', { hint: "see 'gantry cluster update --help'" });
      }
      const { unlockKey } = await withClient(ControlClient, cli, (control) =>
        ask(control, control.clusterUpdate, changes),
      );
      await printLine(cli, 'Cluster updated.');
      if (unlockKey !== '') await print(cli, unlockInstructions(unlockKey));
    });
  refuse(
    command,
    '--dispatcher-heartbeat <duration>',
    "it is each manager's own: gantry-manager --heartbeat-period-ms",
  );
  refuse(command, '--external-ca <specification>', 'the cluster has an authority of its own');
  refuse(command, '--max-snapshots <count>', 'there is one snapshot, and the log after it');
  refuse(command, '--snapshot-interval <count>', 'snapshots are taken by the size of the log');
}

function onOrOff(text: string): boolean {
  if (/^(true|1|t)$/i.test(text)) return true;
  if (/^(false|0|f)$/i.test(text)) return false;
  throw invalidFlag('--autolock', text, 'write --autolock=true or --autolock=false');
}
