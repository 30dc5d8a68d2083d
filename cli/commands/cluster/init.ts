import type { Command } from 'commander';
import { ControlClient } from '../../../proto/generated/gantry/v1/control.ts';
import { NodeAgentClient } from '../../../proto/generated/gantry/v1/node.ts';
import { NodeRole } from '../../../proto/generated/gantry/v1/types.ts';
import { type Cli, print, printLine } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';
import { askJoinToken, joinInstructions } from './join-command.ts';
import { unlockInstructions } from './unlock-instructions.ts';

interface InitOptions {
  readonly advertiseAddr: string;
  readonly autolock?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .option(
      '--advertise-addr <address>',
      "IP[:PORT] that other nodes reach this one at; the default route's if left out",
      '',
    )
    .option('--autolock', 'managers that are restarted want the unlock key')
    .action(async ({ advertiseAddr, autolock }: InitOptions) => {
      const { nodeId } = await withClient(NodeAgentClient, cli, (agent) =>
        ask(agent, agent.clusterInit, { advertiseAddr }),
      );
      await printLine(cli, `Cluster initialized: this node (${nodeId}) is now a manager.\n`);
      const token = await withClient(ControlClient, cli, (control) => askJoinToken(control, NodeRole.WORKER, false));
      await printLine(cli, joinInstructions('worker', token));
      await printLine(cli, "To add a manager, run 'gantry cluster join-token manager' and follow the instructions.");
      if (autolock) await print(cli, unlockInstructions(await turnAutolockOn(cli)));
    });
  const later = 'it has its default for now';
  refuse(command, '--listen-addr <address>', 'use --advertise-addr');
  refuse(command, '--availability <availability>', "use 'gantry node update --availability' afterwards");
  refuse(command, '--cert-expiry <duration>', later);
  refuse(command, '--data-path-addr <address>', later);
  refuse(command, '--data-path-port <port>', later);
  refuse(command, '--default-addr-pool <network>', "set it in gantryd's configuration");
  refuse(command, '--default-addr-pool-mask-length <length>', "set it in gantryd's configuration");
  refuse(command, '--dispatcher-heartbeat <duration>', later);
  refuse(command, '--external-ca <specification>', later);
  refuse(command, '--force-new-cluster', later);
  refuse(command, '--max-snapshots <count>', later);
  refuse(command, '--snapshot-interval <count>', later);
  refuse(command, '--task-history-limit <count>', later);
}

async function turnAutolockOn(cli: Cli): Promise<string> {
  const request = { autolock: true, taskHistoryLimit: undefined };
  const { unlockKey } = await withClient(ControlClient, cli, (control) => ask(control, control.clusterUpdate, request));
  return unlockKey;
}
