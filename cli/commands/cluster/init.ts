import type { Command } from 'commander';
import { NodeAgentClient } from '../../../proto/generated/gantry/v1/node.ts';
import { type Cli, printLine } from '../../cli.ts';
import { refuse } from '../../command-line.ts';
import { ask, withClient } from '../../connection.ts';

interface InitOptions {
  readonly advertiseAddr: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option(
      '--advertise-addr <address>',
      "IP[:PORT] that other nodes reach this one at; the default route's if left out",
      '',
    )
    .action(async ({ advertiseAddr }: InitOptions) => {
      const { nodeId } = await withClient(NodeAgentClient, cli, (agent) =>
        ask(agent, agent.clusterInit, { advertiseAddr }),
      );
      await printLine(cli, `Cluster initialized: this node (${nodeId}) is now a manager.`);
    });
  const later = 'a cluster has one node for now';
  refuse(command, '--listen-addr <address>', 'use --advertise-addr');
  refuse(command, '--autolock', later);
  refuse(command, '--availability <availability>', later);
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
