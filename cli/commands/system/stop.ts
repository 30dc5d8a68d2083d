import type { Command } from 'commander';
import { NodeAgentClient } from '../../../proto/generated/gantry/v1/node.ts';
import { type Cli, complain, printLine } from '../../cli.ts';
import { ask, withClient } from '../../connection.ts';
import { EXIT } from '../../failure.ts';
import { confirm } from '../../terminal/confirm.ts';

interface StopOptions {
  readonly force?: boolean;
}

const QUESTION = 'Stop all containers of this host, take down its networks and mounts, and end gantryd';

export function define(command: Command, cli: Cli): void {
  command.option('-f, --force', "don't ask").action(async ({ force }: StopOptions) => {
    if (!force && !(await confirm(cli, QUESTION))) {
      await complain(cli, 'gantry: nothing was stopped');
      cli.exitCode = EXIT.failed;
      return;
    }
    await withClient(NodeAgentClient, cli, (agent) => ask(agent, agent.systemStop, {}));
    await printLine(cli, 'Stopped. Data stays; start again with gantryd.');
  });
}
