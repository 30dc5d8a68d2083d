import type { Command } from 'commander';
import { NodeAgentClient } from '../../../proto/generated/gantry/v1/node.ts';
import { type Cli, printLine } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';

interface LeaveOptions {
  readonly force?: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --force', "leave although this node is a manager; the cluster's state goes with its last one")
    .action(async ({ force }: LeaveOptions) => {
      await withClient(NodeAgentClient, cli, (agent) => ask(agent, agent.clusterLeave, { force: force ?? false }));
      await printLine(cli, 'Node left the cluster.');
    });
}
